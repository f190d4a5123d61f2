import { walk } from './walk';

walk('sqlite', 'v1');
