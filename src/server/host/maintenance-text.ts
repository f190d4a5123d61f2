import type { Application } from '@nocobase/server';

/** The text of the host's maintenance dialog: Safekeep's text, then the host's own while it loads. */
export class MaintenanceText {
  private ours = 'Safekeep';
  private hosts = '';
  private isShown = false;

  constructor(private readonly app: Application) {}

  begin(): void {
    this.isShown = true;
    // The app object survives every reload, and so does a method set on it.
    this.app.setMaintainingMessage = (text: string) => {
      this.hosts = text;
      this.show();
    };
  }

  /** Shown from `begin` to `end`. */
  change(text: string): void {
    this.ours = text;
    this.hosts = '';
    if (this.isShown) this.show();
  }

  end(): void {
    this.isShown = false;
    Reflect.deleteProperty(this.app, 'setMaintainingMessage');
  }

  private show(): void {
    const { setMaintainingMessage } = Object.getPrototypeOf(this.app) as Application;
    const text = this.hosts ? `${this.ours}: ${this.hosts}` : this.ours;
    setMaintainingMessage.call(this.app, text);
  }
}
