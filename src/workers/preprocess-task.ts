/** What a worker thread of the pool runs; the pool finds it by its name. */
import { runTask } from '../preprocess/chunk-task.ts';
import { answering } from './task-answer.ts';

export default answering(runTask);
