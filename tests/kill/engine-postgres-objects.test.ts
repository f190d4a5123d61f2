import { killMatrixOf, SAMPLES } from './harness/kill-tests';
import { STRATEGIES } from './harness/strategies';

killMatrixOf(STRATEGIES.objects, SAMPLES.servers);
