/**
 * Names that browser tests hold on to (`data-testid`). Rows and actions of a backup or run carry its name or id behind
 * a colon: `safekeep-restore:<backup name>`.
 *
 * Pages            safekeep-backups, safekeep-history, safekeep-settings
 * Toolbar          safekeep-refresh, safekeep-restore-file, safekeep-new-backup, safekeep-search, safekeep-status-filter
 * Backups table    safekeep-backups-table, safekeep-empty, safekeep-empty-new-backup, safekeep-list-error,
 *                  safekeep-backup:<name> (the name cell), safekeep-status:<name> (data-status),
 *                  safekeep-verified:<name> (data-result), safekeep-restore:<name>, safekeep-download:<name>, safekeep-more:<name>, safekeep-verify, safekeep-pin, safekeep-details,
 *                  safekeep-edit-note, safekeep-delete (menu items), safekeep-delete-confirm, safekeep-cancel:<run id>,
 *                  safekeep-cancel-confirm
 * Banners          safekeep-backup-alert (last backup failed), safekeep-run-banner (run under way or its result),
 *                  safekeep-show-progress, safekeep-dismiss-result, safekeep-undo:<run id>, safekeep-undo-confirm
 * New backup       safekeep-create-dialog, safekeep-create-contents, safekeep-create-contents:<content>,
 *                  safekeep-create-note, safekeep-create-submit
 * Edit note        safekeep-note-dialog, safekeep-note-input, safekeep-note-submit
 * Details          safekeep-details-drawer, safekeep-sha256, safekeep-verified-fact, safekeep-table-search, safekeep-tables
 * Restore          safekeep-restore-dialog, safekeep-upload-file (holds the file input), safekeep-upload-progress
 *                  (data-phase), safekeep-checks (rows with data-check and data-status), safekeep-accept:<check code>,
 *                  safekeep-restore-contents, safekeep-files-mode, safekeep-restore-next, safekeep-restore-back,
 *                  safekeep-restore-plan, safekeep-restore-no-undo, safekeep-confirm-name, safekeep-restore-submit
 * Errors           safekeep-error (role=alert: message, hint, code), safekeep-retry
 * Run              safekeep-run-dialog, safekeep-run-progress (data-percent, data-step), safekeep-run-unavailable,
 *                  safekeep-run-result (data-status), safekeep-run-log, safekeep-run-close
 * History          safekeep-runs-table, safekeep-run:<id>, safekeep-run-status:<id> (data-status), safekeep-run-drawer,
 *                  safekeep-undo-until:<id>
 * Settings         safekeep-max-backups, safekeep-default-contents, safekeep-undo-hours, safekeep-settings-save,
 *                  safekeep-folder, safekeep-free-space, safekeep-tools
 */
export const testId = (name: string, subject?: string) => ({
  'data-testid': subject === undefined ? `safekeep-${name}` : `safekeep-${name}:${subject}`,
});
