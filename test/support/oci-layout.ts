import { gzipSync } from 'node:zlib';
import { sha256, tarOf } from './test-images.js';

export interface OciDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: { os: string; architecture: string };
  annotations?: Record<string, string>;
}

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** Makes an OCI layout, blob by blob, as BuildKit would: images, their attestations, indexes of them. */
export class OciLayout {
  readonly blobs = new Map<string, Buffer>();
  private readonly top: OciDescriptor[] = [];

  /** An image of these layers, which are gzipped. */
  image(
    architecture: string,
    layers: Buffer[],
    labels: Record<string, string> = {},
  ): OciDescriptor & { config: string } {
    const descriptors = layers.map((layer) => ({
      ...this.put(gzipSync(layer)),
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    }));
    const created = '2024-01-02T03:04:05Z';
    const config = this.putJson({
      created,
      architecture,
      os: 'linux',
      config: { Env: ['PATH=/bin'], Cmd: ['sh'], Labels: { architecture, ...labels } },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
      history: layers.map(() => ({ created, created_by: `made for ${architecture}` })),
    });
    const manifest = this.putJson({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, ...config },
      layers: descriptors,
    });
    return { mediaType: MANIFEST, ...manifest, platform: { architecture, os: 'linux' }, config: config.digest };
  }

  /** What is said about an image. */
  attestation(about: OciDescriptor): OciDescriptor {
    const statement = this.putJson({ _type: 'https://in-toto.io/Statement/v0.1', subject: [{ name: about.digest }] });
    const config = this.putJson({
      architecture: 'unknown',
      os: 'unknown',
      config: {},
      rootfs: { type: 'layers', diff_ids: [statement.digest] },
    });
    const manifest = this.putJson({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, ...config },
      layers: [
        {
          mediaType: 'application/vnd.in-toto+json',
          ...statement,
          annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' },
        },
      ],
    });
    return {
      mediaType: MANIFEST,
      ...manifest,
      annotations: {
        'vnd.docker.reference.digest': about.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      },
      platform: { architecture: 'unknown', os: 'unknown' },
    };
  }

  index(manifests: OciDescriptor[]): OciDescriptor {
    const entries = manifests.map(({ mediaType, digest, size, platform, annotations }) => ({
      mediaType,
      digest,
      size,
      annotations,
      platform,
    }));
    return { mediaType: INDEX, ...this.putJson({ schemaVersion: 2, mediaType: INDEX, manifests: entries }) };
  }

  /** Something that an index may name beside images: a chart, say, or a signature. */
  artifact(): OciDescriptor {
    const config = { mediaType: 'application/vnd.cncf.helm.config.v1+json', ...this.putJson({ name: 'chart' }) };
    return { mediaType: MANIFEST, ...this.putJson({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [] }) };
  }

  /** A blob that is no manifest at all. */
  loose(text: string): OciDescriptor {
    return { mediaType: 'text/plain', ...this.put(Buffer.from(text)) };
  }

  /** Puts a manifest or index into index.json, under a canonical name or without one. */
  add({ mediaType, digest, size }: OciDescriptor, name?: string): void {
    const annotations = name === undefined ? undefined : { 'io.containerd.image.name': name };
    this.top.push({ mediaType, digest, size, ...(annotations ? { annotations } : {}) });
  }

  /** The layout as a tar, without the blobs named, and with more files. */
  tar(without: readonly string[] = [], more: Record<string, string> = {}): Promise<Buffer> {
    return tarOf({
      ...more,
      'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
      'index.json': JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: this.top }),
      ...Object.fromEntries(
        [...this.blobs]
          .filter(([digest]) => !without.includes(digest))
          .map(([digest, bytes]) => [`blobs/sha256/${digest.slice(7)}`, bytes]),
      ),
    });
  }

  private putJson(value: object): { digest: string; size: number } {
    return this.put(Buffer.from(JSON.stringify(value)));
  }

  private put(bytes: Buffer): { digest: string; size: number } {
    const digest = `sha256:${sha256(bytes)}`;
    this.blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  }
}
