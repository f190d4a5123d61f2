import { useState } from 'react';
import type { BackupView, CheckView, InspectAnswer, RestoreRequest } from '../../shared/api';
import type { Content } from '../../shared/runs';
import type { PreviewRequest } from '../api/api';
import type { Failure } from '../api/failure';
import { useApi } from '../api/useApi';
import { useLoad } from '../hooks/useLoad';

export type RestoreTarget = { name: string } | { uploadId: string };
export type FilesMode = NonNullable<RestoreRequest['filesMode']>;

export interface RestoreChoices {
  /** null: everything the backup contains. */
  contents: Content[] | null;
  filesMode: FilesMode;
  /** Codes of accepted warnings. */
  accepted: readonly string[];
  /** Ids of the previous data that may be discarded. */
  discard: readonly string[];
}

export interface RestorePlan {
  /** The last good inspection; stays while the next one is on its way. */
  inspection: InspectAnswer | null;
  /** The entry of the list, read with the inspection; null for an upload. */
  backup: BackupView | null;
  /** What the backup contains, whatever was chosen. */
  available: readonly Content[];
  /** What is restored of it. */
  contents: readonly Content[];
  failure: Failure | null;
  inspecting: boolean;
  inspectAgain(): void;
  choices: RestoreChoices;
  choose(change: Partial<RestoreChoices>): void;
  /** The archive first, then what blocks, then warnings, then the rest. */
  checks: CheckView[];
  /** Codes of warnings to accept one by one. Discarding previous data is accepted in the last step. */
  warnings: readonly string[];
  /** Nothing blocks, every warning is accepted, and the inspection is the one of these choices. */
  isReady: boolean;
  /** Previous data that has to go may go. */
  isDiscardAccepted: boolean;
  preview: PreviewRequest | null;
  request: RestoreRequest | null;
}

const ORDER = { blocking: 0, warning: 1, ok: 2 } as const;
const orderOf = ({ code, status }: CheckView) => (code === 'archive' ? -1 : ORDER[status]);

/** Inspects the target, again whenever other contents are chosen, and keeps what the user has decided. */
export function useRestorePlan(target: RestoreTarget | null): RestorePlan {
  const api = useApi();
  const [choices, setChoices] = useState<RestoreChoices>({
    contents: null,
    filesMode: 'mirror',
    accepted: [],
    discard: [],
  });
  const chosen = choices.contents ? { contents: choices.contents } : {};
  const question = target && { ...target, ...chosen };
  const key = question && JSON.stringify(question);
  const { data, failure, loading, reload } = useLoad(async () => {
    const [inspection, backup] = await Promise.all([
      api.backups.inspect(question ?? {}),
      target && 'name' in target ? api.backups.get(target.name) : null,
    ]);
    return { key, inspection, backup };
  }, key);
  const inspection = data?.inspection ?? null;
  const checks = [...(inspection?.checks ?? [])].sort((a, b) => orderOf(a) - orderOf(b));
  const discards = (inspection?.discards ?? []).map(({ id }) => id);
  const warnings = checks
    .filter(({ status, code }) => status === 'warning' && !(code === 'freeSpace' && discards.length > 0))
    .map(({ code }) => code);
  const acceptWarnings = warnings.filter((code) => choices.accepted.includes(code));
  const isCurrent = data?.key === key && !loading && !failure;
  const available = inspection?.manifest.contents ?? [];
  const contents = choices.contents ?? available;
  const mode = contents.includes('files') ? { filesMode: choices.filesMode } : {};
  const isDiscardAccepted = discards.every((id) => choices.discard.includes(id));
  return {
    inspection,
    backup: data?.backup ?? null,
    available,
    contents,
    failure,
    inspecting: loading,
    inspectAgain: reload,
    choices,
    choose: (change) => setChoices((before) => ({ ...before, ...change })),
    checks,
    warnings,
    isReady: isCurrent && inspection?.restorable === true && acceptWarnings.length === warnings.length,
    isDiscardAccepted,
    preview: question && { ...question, ...mode },
    request: question && {
      ...question,
      ...mode,
      acceptWarnings,
      ...(discards.length > 0 && isDiscardAccepted ? { discard: discards } : {}),
    },
  };
}
