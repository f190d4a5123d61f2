import type { Translate } from '../i18n';

/** English without i18next. */
export const fill: Translate = (sentence, params = {}) =>
  sentence.replace(/\{\{(\w+)\}\}/g, (_, name: string) => String(params[name]));
