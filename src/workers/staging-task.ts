/** What a worker thread of the pool runs; the pool finds it by its name. */
import { stageObject } from '../training-run/stage-object.ts';
import { answering } from './task-answer.ts';

export default answering(stageObject);
