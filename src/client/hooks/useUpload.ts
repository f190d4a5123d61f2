import { useMemoizedFn } from 'ahooks';
import { useEffect, useReducer, useRef } from 'react';
import type { UploadFinishAnswer } from '../../shared/api';
import type { Failure } from '../api/failure';
import { toFailure } from '../api/failure';
import { useApi } from '../api/useApi';
import { sendFile } from '../restore/send-file';

export interface UploadState {
  /** paused: the server is unavailable, it continues by itself; checking: all bytes are there, the archive is being read. */
  phase: 'idle' | 'sending' | 'paused' | 'checking' | 'done' | 'failed';
  file: File | null;
  /** Bytes the server has, or has been sent. */
  sent: number;
  failure: Failure | null;
  answer: UploadFinishAnswer | null;
}

export interface Upload extends UploadState {
  start(file: File): void;
  /** After a failure: begins again with the same file. */
  retry(): void;
  /** Stops it and has the server delete what it received. */
  discard(): void;
  /** Leaves what the server has to the server. */
  forget(): void;
}

const IDLE: UploadState = { phase: 'idle', file: null, sent: 0, failure: null, answer: null };

/** Uploads an archive in chunks; a broken connection only pauses it. It is stopped when the component goes. */
export function useUpload(): Upload {
  const api = useApi();
  const [state, update] = useReducer(
    (before: UploadState, change: Partial<UploadState>): UploadState => ({ ...before, ...change }),
    IDLE,
  );
  const current = useRef<{ stop: AbortController; uploadId: string | null } | null>(null);

  const stop = useMemoizedFn(() => {
    current.current?.stop.abort();
    current.current = null;
  });
  useEffect(() => stop, [stop]);

  const start = useMemoizedFn((file: File) => {
    stop();
    const own = { stop: new AbortController(), uploadId: null as string | null };
    current.current = own;
    const report = (change: Partial<UploadState>) => {
      if (current.current === own) update(change);
    };
    update({ ...IDLE, phase: 'sending', file });
    sendFile(file, api.uploads, own.stop.signal, {
      onStart: (uploadId) => (own.uploadId = uploadId),
      onProgress: (sent) => report({ phase: 'sending', sent }),
      onPause: () => report({ phase: 'paused' }),
      onCheck: () => report({ phase: 'checking', sent: file.size }),
    }).then(
      (answer) => report({ phase: 'done', answer }),
      (error: unknown) => {
        const failure = toFailure(error);
        if (!failure.aborted) report({ phase: 'failed', failure });
      },
    );
  });

  const retry = useMemoizedFn(() => {
    if (state.file) start(state.file);
  });

  const discard = useMemoizedFn(() => {
    const uploadId = current.current?.uploadId;
    stop();
    // Best effort: the server deletes abandoned uploads on its own.
    if (uploadId) api.uploads.abort(uploadId).catch(() => undefined);
    update(IDLE);
  });

  const forget = useMemoizedFn(() => {
    stop();
    update(IDLE);
  });

  return { ...state, start, retry, discard, forget };
}
