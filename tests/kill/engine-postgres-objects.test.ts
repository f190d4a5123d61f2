import { killMatrixOf, USUAL } from './harness/kill-tests';
import { STRATEGIES } from './harness/strategies';

killMatrixOf(STRATEGIES.objects, USUAL.servers);
