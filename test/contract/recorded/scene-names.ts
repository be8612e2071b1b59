import type { ApiReply } from '../../support/api-client.js';

/** What a scene has made, by the name that its requests and recordings give it: ids, without their algorithm, differ from run to run. */
export class SceneNames {
  private readonly ids = new Map<string, string>();

  set(name: string, id: string): void {
    this.ids.set(name, id);
  }

  get(name: string): string | undefined {
    return this.ids.get(name);
  }

  /** `<running>` → its id, `<running:12>` → the beginning of it; also where it is written as in a URL. */
  fill(text: string): string {
    return text.replace(/(?:<|%3C)([\w-]+)(?:(?::|%3A)(\d+))?(?:>|%3E)/g, (whole, name: string, length?: string) => {
      const id = this.ids.get(name);
      return id === undefined ? whole : id.slice(0, length === undefined ? undefined : Number(length));
    });
  }

  /** The other way: no id of this run is left in the text. */
  hideIds(text: string): string {
    let result = text;
    for (const [name, id] of this.ids) {
      result = result.replaceAll(id, `<${name}>`).replaceAll(id.slice(0, 12), `<${name}:12>`);
    }
    return result.replace(/[0-9a-f]{64}/g, '<id>');
  }

  /** As hideIds, and no time. */
  normalise(text: string): string {
    return this.hideIds(text)
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>')
      .replace(/\r\n/g, '\n');
  }
}

/** The id of what a create has made. */
export async function createdId(reply: Promise<ApiReply>): Promise<string> {
  return ((await expectStatus(reply, 201)).json as { Id: string }).Id;
}

/** Throws what the daemon says instead. */
export async function expectStatus(pending: Promise<ApiReply>, status: number): Promise<ApiReply> {
  const reply = await pending;
  if (reply.status !== status) throw new Error(`the scene can't be made: ${reply.status} ${reply.text}`);
  return reply;
}
