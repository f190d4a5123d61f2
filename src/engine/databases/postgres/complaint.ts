/** Errors and notices of the server as text for messages and logs, without the user's data. */

/** An error or a notice as the server sends it. */
export interface ServerMessage {
  severity?: string;
  /** SQLSTATE. */
  code?: string;
  message: string;
  detail?: string;
  hint?: string;
  where?: string;
}

/** Whether the error comes from the server. Decided by its shape: the host's copy of the driver has classes of its own. */
export function isServerError(error: unknown): error is ServerMessage {
  return typeof error === 'object' && error !== null && 'severity' in error && 'code' in error && 'message' in error;
}

/** An error's text without values of rows: the object and the line number are enough to find the failure. */
export function withoutRows(text: string): string {
  return text
    .replace(/(\bFailing row contains) \([^]*$/, '$1 (…).')
    .replace(/(\bKey \([^=]*\))=\([^]*\)/, '$1=(…)')
    .replace(/(\bCONTEXT:\s+COPY .+?, line \d+)\b[^]*$/, '$1')
    .replace(/: "[^]*"$/, ': "…"')
    .replace(/\bvalue "[^]*"(?= is out of range| too long)/, 'value "…"');
}

/** In one line: severity, message, details and context. */
export function complaintOf(error: unknown): string {
  if (!isServerError(error)) return error instanceof Error ? error.message : String(error);
  const { severity = 'ERROR', message, detail, hint, where } = error;
  const place = /^COPY .+?, line \d+/.exec(where ?? '')?.[0];
  return [
    `${severity}:  ${withoutRows(message)}`,
    ...(detail ? [`DETAIL:  ${withoutRows(detail)}`] : []),
    ...(hint ? [`HINT:  ${hint}`] : []),
    ...(place ? [`CONTEXT:  ${place}`] : []),
  ]
    .join(' / ')
    .replace(/\s*\n\s*/g, ' ');
}
