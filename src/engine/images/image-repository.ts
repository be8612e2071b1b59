/** What is kept of one image. `config` is the configuration as served: `id` is its digest. */
export interface ImageRecord {
  id: string;
  config: Buffer;
  /** '' : none. */
  parentId: string;
  /** JSON of a Descriptor; null: none. */
  descriptor: string | null;
  lastTagTime: string | null;
  /** Deleted by force while containers stand on it; shown to nobody, but its layers stay. */
  retired: boolean;
  chainIds: string[];
  /** Digests of the manifests and indexes kept with it. */
  manifestDigests: string[];
  /** Digests of other blobs kept for the sake of these manifests, beside the image's own configuration and layers. */
  blobDigests: string[];
}

/** An unpacked layer. */
export interface LayerRecord {
  chainId: string;
  diffId: string;
  /** Of the files in it. */
  sizeBytes: number;
  /** Of its uncompressed archive. */
  archiveSizeBytes: number;
}

/** A blob that holds a layer's archive. */
export interface LayerBlobRecord {
  digest: string;
  diffId: string;
  mediaType: string;
  sizeBytes: number;
}

export interface ImageState {
  images: ImageRecord[];
  layers: LayerRecord[];
  layerBlobs: LayerBlobRecord[];
  /** Canonical reference to image id. */
  references: { reference: string; imageId: string }[];
}

/** Where the images' state outlives the process. Each call is one transaction that is durable when it returns. */
export interface ImageRepository {
  load(): ImageState;
  /**
   * Adds an image, or replaces the one of that id; with its layers and blobs, of which some may be there. Manifests and
   * blobs that the image had before stay with it.
   */
  putImage(image: ImageRecord, layers: LayerRecord[], layerBlobs: LayerBlobRecord[]): void;
  /** Adds blobs of layers that are there. */
  putLayerBlobs(layerBlobs: LayerBlobRecord[]): void;
  /** Removes images with their references, and layers and blobs that nothing needs any more. */
  remove(what: { imageIds: string[]; chainIds: string[]; blobDigests: string[] }): void;
  /** Points the references to the images, moving them if need be; `lastTagTime` is set on those images unless null. */
  putReferences(references: { reference: string; imageId: string }[], lastTagTime: string | null): void;
  removeReferences(references: string[]): void;
  /** The image is no longer kept together with these manifests and blobs. */
  removeContent(imageId: string, digests: string[]): void;
}
