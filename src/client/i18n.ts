import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { PLUGIN_NAME } from '../shared/api';

/** The English sentence is the key; `{{name}}` places are filled from `params`. */
export type Translate = (sentence: string, params?: Record<string, string | number>) => string;

/** The plugin's own words first, then the host's. React escapes, so values are inserted unescaped. */
export function useT(): Translate {
  const { t } = useTranslation([PLUGIN_NAME, 'client'], { nsMode: 'fallback' });
  return useCallback((sentence, params) => t(sentence, { ...params, interpolation: { escapeValue: false } }), [t]);
}

/** The page's language as a BCP 47 tag, such as 'zh-CN'. */
export function useLanguage(): string {
  return useTranslation().i18n.language || 'en-US';
}
