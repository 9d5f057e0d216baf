/** The task module of staging, which withWorkers loads by its name. */
import { stageObject } from '../training-run/stage-object.ts';
import { answering } from './task-answer.ts';

export default answering(stageObject);
