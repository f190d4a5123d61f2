/**
 * Names that browser tests hold on to (`data-testid`). Rows and actions of a backup or run carry its name or id behind
 * a colon: `safekeep-restore:<backup name>`.
 *
 * Pages            safekeep-backups, safekeep-history, safekeep-settings
 * Toolbar          safekeep-refresh, safekeep-restore-file, safekeep-new-backup, safekeep-search, safekeep-status-filter
 * Backups table    safekeep-backups-table, safekeep-empty, safekeep-list-error, safekeep-backup:<name> (the name cell),
 *                  safekeep-status:<name>, safekeep-restore:<name>, safekeep-download:<name>, safekeep-more:<name>,
 *                  safekeep-verify, safekeep-pin, safekeep-details, safekeep-edit-note, safekeep-delete (menu items),
 *                  safekeep-cancel:<run id>
 * Banners          safekeep-backup-alert (last backup failed), safekeep-run-banner (run under way or its result),
 *                  safekeep-show-progress, safekeep-dismiss-result, safekeep-undo:<run id>
 * New backup       safekeep-create-dialog, safekeep-create-contents, safekeep-create-note, safekeep-create-submit
 * Edit note        safekeep-note-dialog, safekeep-note-input
 * Details          safekeep-details-drawer, safekeep-sha256, safekeep-table-search, safekeep-tables
 * Restore          safekeep-restore-dialog, safekeep-upload-file (the file input's drop area), safekeep-upload-progress,
 *                  safekeep-checks, safekeep-accept:<check code>, safekeep-restore-contents, safekeep-files-mode,
 *                  safekeep-restore-next, safekeep-restore-back, safekeep-restore-plan, safekeep-confirm-name,
 *                  safekeep-restore-submit, safekeep-error (role=alert: code, message, hint)
 * Run              safekeep-run-dialog, safekeep-run-progress, safekeep-run-status, safekeep-run-away,
 *                  safekeep-run-result, safekeep-run-log, safekeep-run-close
 * History          safekeep-runs-table, safekeep-run:<id>, safekeep-run-drawer
 * Settings         safekeep-max-backups, safekeep-default-contents, safekeep-undo-hours, safekeep-settings-save,
 *                  safekeep-folder, safekeep-free-space, safekeep-tools
 */
export const testId = (name: string, subject?: string) => ({
  'data-testid': subject === undefined ? `safekeep-${name}` : `safekeep-${name}:${subject}`,
});
