/** A document as a file of OpenAI's API. */
export function fileId(documentId: string): string {
  return `file-${documentId}`;
}

/** The document's id in a file's; ids of documents are taken too. */
export function documentIdOf(id: string): string {
  return id.startsWith('file-') ? id.slice('file-'.length) : id;
}

/** The last part of its path. */
export function fileName(uri: string): string {
  return uri.slice(uri.lastIndexOf('/') + 1) || uri;
}
