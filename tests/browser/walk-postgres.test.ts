/** The same steps with the clients exchanged: in `npm run matrix`. */
import { walk } from './walk';

walk('postgres', 'v2');
