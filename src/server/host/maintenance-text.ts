import type { Application } from '@nocobase/server';

/** The text of the host's maintenance dialog: ours first, and after it what the host says while it loads. */
export class MaintenanceText {
  private ours = '';
  private hosts = '';

  constructor(private readonly app: Application) {}

  begin(text: string): void {
    this.hosts = '';
    // The app object survives every reload, and so does a method of its own.
    this.app.setMaintainingMessage = (said: string) => {
      this.hosts = said;
      this.show();
    };
    this.change(text);
  }

  change(text: string): void {
    this.ours = text;
    this.show();
  }

  end(): void {
    Reflect.deleteProperty(this.app, 'setMaintainingMessage');
  }

  private show(): void {
    const { setMaintainingMessage } = Object.getPrototypeOf(this.app) as Application;
    const text = this.hosts ? `${this.ours}: ${this.hosts}` : this.ours;
    setMaintainingMessage.call(this.app, text);
  }
}
