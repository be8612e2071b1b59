import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImagesFixture } from '../../../test/support/images-fixture.js';
import { encodeHeader, END_OF_ARCHIVE, paddingAfter } from '../../host/archive/tar-writer.js';
import { shortDigest } from '../../shared/digest.js';

const never = new AbortController().signal;
const CONTAINER = 'c'.repeat(64);
let fixture: ImagesFixture;
let clockMs = 0;
beforeEach(() => {
  fixture = new ImagesFixture();
  clockMs = 0;
});
afterEach(() => fixture[Symbol.dispose]());

function tarWith(text: string): Buffer {
  const content = Buffer.from(text);
  const entry = { name: 'f', type: 'file' as const, mode: 0o644, uid: 0, gid: 0, sizeBytes: content.length };
  const rest = { mtimeNs: 0n, linkName: '', deviceMajor: 0, deviceMinor: 0, xattrs: null };
  return Buffer.concat([encodeHeader({ ...entry, ...rest }), content, paddingAfter(content.length), END_OF_ARCHIVE]);
}

/** An image of one file with this text; images are created in the order of the calls. */
async function make(name: string, text = name, labels: string[] = []): Promise<string> {
  const [repo = '', tag = ''] = name.split(':');
  const source = Readable.from([tarWith(text)]);
  const changes = labels.map((label) => `LABEL ${label}`);
  clockMs++;
  return fixture.images.import(
    { source, repo, tag, message: `${clockMs}`, changes, platform: '' },
    fixture.report,
    never,
  );
}

const remove = (ref: string, force = false) => fixture.images.remove(ref, { force, noPrune: false });
const names = async (filters: Record<string, string[]> = {}, all = false): Promise<string[]> => {
  const rows = await fixture.images.list({ all, filters: new Map(Object.entries(filters)), sharedSize: true });
  return rows.map(({ image }) => image.repoTags.join(' ') || '<none>');
};

describe('remove', () => {
  it('takes the last name, and with it the image and its layers', async () => {
    const id = await make('foo:1');
    fixture.images.tag('foo:1', 'foo', '2');
    fixture.events.length = 0;
    expect(await remove('foo:2')).toEqual([{ untagged: 'foo:2' }]);
    const layer = `sha256:${createHash('sha256').update(tarWith('foo:1')).digest('hex')}`;
    expect(await remove('foo:1')).toEqual([{ untagged: 'foo:1' }, { deleted: id }, { deleted: layer }]);
    expect(fixture.events.map(({ action, actorId }) => [action, actorId])).toEqual([
      ['untag', id],
      ['untag', id],
      ['delete', id],
    ]);
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
    fixture.reopen();
    expect(await names()).toEqual([]);
  });

  it('wants force for an id with several names', async () => {
    const id = await make('foo:1');
    fixture.images.tag(id, 'bar', '');
    const short = shortDigest(id);
    await expect(remove(short)).rejects.toMatchObject({
      kind: 'conflict',
      message: `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
    });
    expect((await remove(short, true)).slice(0, 3)).toEqual([
      { untagged: 'bar:latest' },
      { untagged: 'foo:1' },
      { deleted: id },
    ]);
  });

  it('leaves what containers stand on', async () => {
    const id = await make('foo:1');
    const short = shortDigest(id);
    fixture.users[id] = [{ id: CONTAINER, running: false }];
    await expect(remove('foo:1')).rejects.toThrow(
      `conflict: unable to remove repository reference "foo:1" (must force) - container ${CONTAINER.slice(0, 12)} is using its referenced image ${short}`,
    );
    await expect(remove(id)).rejects.toThrow(
      `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container ${CONTAINER.slice(0, 12)}`,
    );
    fixture.users[id] = [{ id: CONTAINER, running: true }];
    await expect(remove(id, true)).rejects.toThrow(
      `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container ${CONTAINER.slice(0, 12)}`,
    );
    expect(await remove('foo:1', true)).toEqual([{ untagged: 'foo:1' }]);
    expect(await names()).toEqual(['<none>']);
  });

  it('keeps the layers of an image that was forced away until its container goes', async () => {
    const id = await make('foo:1');
    fixture.users[id] = [{ id: CONTAINER, running: false }];
    expect(await remove(id, true)).toEqual([{ untagged: 'foo:1' }, { deleted: id }]);
    expect(fixture.images.find(id)).toBeNull();
    fixture.reopen();
    await fixture.images.sweep();
    expect(fixture.images.findRetained(id)?.id).toBe(id);
    expect((await fixture.leftovers()).layers).toHaveLength(1);
    fixture.users = {};
    await fixture.images.releaseRetired();
    expect(fixture.images.findRetained(id)).toBeNull();
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
  });

  it('keeps a layer that another image has too', async () => {
    const one = await make('one:1', 'same');
    const two = await make('two:1', 'same', ['x=y']);
    expect(two).not.toBe(one);
    expect(await remove('one:1')).toEqual([{ untagged: 'one:1' }, { deleted: one }]);
    expect((await fixture.leftovers()).layers).toHaveLength(1);
    await remove('two:1');
    expect(await fixture.leftovers()).toEqual({ blobs: [], ingest: [], layers: [] });
  });

  it('tells of every name with an id, and with a name of that one only', async () => {
    const id = await make('reg.example/foo:1');
    const byDigest = { domain: 'reg.example', path: 'foo', tag: '', digest: `sha256:${'d'.repeat(64)}` };
    const untags = (): number => fixture.events.filter(({ action }) => action === 'untag').length;
    fixture.images.store.setReferences([byDigest], id, false);
    fixture.images.tag(id, 'keep', '1');
    expect(await remove('reg.example/foo:1')).toHaveLength(2);
    expect(untags()).toBe(1);
    fixture.images.store.setReferences([byDigest], id, false);
    expect(await remove(`reg.example/foo@${byDigest.digest}`)).toHaveLength(1);
    expect(untags()).toBe(2);
    fixture.images.store.setReferences([byDigest], id, false);
    await remove(id, true);
    expect(untags()).toBe(4);
  });

  it('does not know what is not there', async () => {
    await expect(remove('nosuch')).rejects.toMatchObject({
      kind: 'not-found',
      message: 'No such image: nosuch:latest',
    });
    await expect(remove('abc123')).rejects.toThrow('No such image: abc123:latest');
    await expect(remove('a'.repeat(64))).rejects.toThrow(`No such image: sha256:${'a'.repeat(64)}`);
    await expect(remove('Foo')).rejects.toMatchObject({ kind: 'invalid' });
  });
});

describe('tag', () => {
  it('moves a name', async () => {
    const one = await make('one:1');
    const two = await make('two:1');
    fixture.images.tag('two:1', 'one', '1');
    expect(fixture.images.inspect('one:1').id).toBe(two);
    expect(fixture.images.inspect(one).repoTags).toEqual([]);
    expect(fixture.images.inspect(two).lastTagTime).toMatch(/^20/);
  });

  it.each([
    ['Foo', 'x', 'invalid reference format: repository name (library/Foo) must be lowercase'],
    ['a/b', '!!', 'invalid tag format'],
    ['sha256', 'x', 'refusing to create an ambiguous tag using digest algorithm as name'],
    [`foo@sha256:${'a'.repeat(64)}`, '', 'cannot import digest reference'],
  ])('refuses %s:%s', async (repo, tag, message) => {
    await make('one:1');
    expect(() => fixture.images.tag('one:1', repo, tag)).toThrow(expect.objectContaining({ kind: 'invalid', message }));
  });
});

describe('list', () => {
  beforeEach(async () => {
    await make('one:1', 'same', ['a=b']);
    await make('two:1', 'same');
    await make('reg.example/lib/three:1', 'three', ['a=c']);
    await make('');
  });

  it.each<[Record<string, string[]>, string[]]>([
    [{}, ['<none>', 'reg.example/lib/three:1', 'two:1', 'one:1']],
    [{ dangling: ['true'] }, ['<none>']],
    [{ dangling: ['false'] }, ['reg.example/lib/three:1', 'two:1', 'one:1']],
    [{ label: ['a'] }, ['reg.example/lib/three:1', 'one:1']],
    [{ label: ['a=b'] }, ['one:1']],
    [{ 'label!': ['a'] }, ['<none>', 'two:1']],
    [{ before: ['reg.example/lib/three:1'], since: ['one:1'] }, ['two:1']],
    [{ reference: ['t*'] }, ['two:1']],
    [{ reference: ['*/lib/*'] }, ['reg.example/lib/three:1']],
    [{ reference: ['one:1', 't?o'] }, ['two:1', 'one:1']],
    [{ reference: ['lib/three'] }, []],
    [{ until: ['1h'] }, []],
    [{ until: ['2999-01-01'] }, ['<none>', 'reg.example/lib/three:1', 'two:1', 'one:1']],
  ])('%j', async (filters, expected) => {
    expect(await names(filters)).toEqual(expected);
  });

  it.each<[Record<string, string[]>, string]>([
    [{ bogus: ['x'] }, "invalid filter 'bogus'"],
    [{ dangling: ['maybe'] }, "invalid filter 'dangling=[maybe]'"],
    [{ dangling: ['true', 'false'] }, "invalid filter 'dangling=[true false]'"],
    [{ reference: ['['] }, 'syntax error in pattern'],
    [{ until: ['x'] }, 'failed to parse value as time or duration: "x"'],
    [{ before: ['nosuch'] }, 'No such image: nosuch:latest'],
  ])('refuses %j', async (filters, message) => {
    await expect(names(filters)).rejects.toThrow(message);
  });

  it('counts what is shared', async () => {
    const rows = await fixture.images.list({ all: false, filters: new Map(), sharedSize: true });
    expect(rows.map((row) => row.sharedSizeBytes)).toEqual([0, 0, 4, 4]);
  });

  it('prunes what nobody uses', async () => {
    const used = fixture.images.inspect('two:1').id;
    fixture.users[used] = [{ id: CONTAINER, running: false }];
    const dangling = await fixture.images.prune(new Map());
    expect(dangling.deleted).toHaveLength(2);
    expect(dangling.spaceReclaimedBytes).toBe(0);
    const labelled = await fixture.images.prune(
      new Map([
        ['dangling', ['false']],
        ['label!', ['a=b']],
      ]),
    );
    expect(labelled.deleted[0]).toEqual({ untagged: 'reg.example/lib/three:1' });
    expect(labelled.spaceReclaimedBytes).toBe(5);
    await fixture.images.prune(new Map([['dangling', ['false']]]));
    expect(await names()).toEqual(['two:1']);
    expect(fixture.events.at(-1)).toEqual({
      type: 'image',
      action: 'prune',
      actorId: '',
      attributes: { reclaimed: '0' },
    });
    await expect(fixture.images.prune(new Map([['x', ['y']]]))).rejects.toThrow("invalid filter 'x'");
    await expect(fixture.images.prune(new Map([['until', ['1h', '2h']]]))).rejects.toThrow(
      'more than one until filter specified',
    );
  });

  it('prunes what has only a digest left', async () => {
    const { id } = fixture.images.inspect('reg.example/lib/three:1');
    const digest = `sha256:${'d'.repeat(64)}`;
    fixture.images.store.setReferences([{ domain: 'reg.example', path: 'lib/three', tag: '', digest }], id, false);
    expect((await fixture.images.prune(new Map())).deleted).not.toContainEqual({ deleted: id });
    await make('other:1', 'other');
    fixture.images.tag('other:1', 'reg.example/lib/three', '1');
    fixture.events.length = 0;
    expect((await fixture.images.prune(new Map())).deleted.slice(0, 2)).toEqual([
      { untagged: `reg.example/lib/three@${digest}` },
      { deleted: id },
    ]);
    expect(fixture.events.map(({ action }) => action)).toEqual(['untag', 'delete', 'prune']);
  });
});

it('shows how an image was made', async () => {
  const id = await make('one:1');
  expect(await fixture.images.history('one:1')).toEqual([
    { id, createdUnixSec: expect.any(Number), createdBy: '', tags: ['one:1'], sizeBytes: 5, comment: '1' },
  ]);
  const { data } = fixture.images.graphDriver(fixture.images.inspect(id));
  expect(data['UpperDir']).toMatch(/\/overlay2\/[0-9a-f]{64}\/diff$/);
});
