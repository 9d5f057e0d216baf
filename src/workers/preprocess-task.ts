/** The task module of preprocessing, which withWorkers loads by its name. */
import { runTask } from '../preprocess/chunk-task.ts';
import { answering } from './task-answer.ts';

export default answering(runTask);
