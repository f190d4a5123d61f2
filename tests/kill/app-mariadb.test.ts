import { killMatrixOf } from './harness/kill-tests';
import { asApp, STRATEGIES } from './harness/strategies';

killMatrixOf(asApp(STRATEGIES.tables));
