import { killMatrixOf, SAMPLES } from './harness/kill-tests';
import { asApp, STRATEGIES } from './harness/strategies';

killMatrixOf(asApp(STRATEGIES.file), SAMPLES.apps);
