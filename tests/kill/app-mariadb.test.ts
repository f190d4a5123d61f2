import { killMatrixOf, USUAL } from './harness/kill-tests';
import { asApp, STRATEGIES } from './harness/strategies';

killMatrixOf(asApp(STRATEGIES.tables), USUAL.apps);
