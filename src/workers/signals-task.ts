/** The task module of predictions from raw samples, which withWorkers loads by its name. */
import { preprocessSignals } from '../preprocess/signal-chunk.ts';
import { answering } from './task-answer.ts';

export default answering(preprocessSignals);
