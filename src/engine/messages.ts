/** Messages: English sentences that are translated only when they are shown. */
import { z } from 'zod';
import type { Message, Params } from '../shared/runs';

export const paramsSchema: z.ZodType<Params> = z.lazy(() =>
  z.record(z.string(), z.union([z.string(), z.number(), messageSchema, z.array(messageSchema)])),
);
export const messageSchema: z.ZodType<Message> = z.object({ text: z.string(), params: paramsSchema.optional() });

/** Fills `{{name}}` places; an unknown name stays as it is. Messages among the parameters are translated by `translate`, by default not at all. */
export function fill(text: string, params: Params = {}, translate = (sentence: string) => sentence): string {
  const textOf = (value: Params[string]): string => {
    if (typeof value !== 'object') return String(value);
    if ('text' in value) return fill(translate(value.text), value.params, translate);
    return value.map(textOf).join('; ');
  };
  return text.replace(/\{\{\s*(\w+)\s*\}\}/g, (place, name: string) => {
    const value = params[name];
    return value === undefined ? place : textOf(value);
  });
}
