/** The same steps with the clients swapped: in `npm run matrix`. */
import { walk } from './walk';

walk('postgres', 'v2');
