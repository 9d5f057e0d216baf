/** The task module of the simulation, which withWorkers loads by its name. */
import { simulateChunk } from '../simulate/simulation-chunk.ts';
import { answering } from './task-answer.ts';

export default answering(simulateChunk);
