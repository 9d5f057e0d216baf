/** Tests of the stages as they are deployed, in one process, since packaging a stage takes seconds. */
import './state-machine.ts';
import './rights.ts';
import './template.ts';
