export { SafekeepPlugin as default, SafekeepPlugin } from './plugin';
