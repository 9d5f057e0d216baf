/** What a worker thread of the pool runs; the pool finds it by its name. */
import { simulateChunk } from '../simulate/simulation-chunk.ts';
import { answering } from './task-answer.ts';

export default answering(simulateChunk);
