declare module 'word-extractor' {
  interface Extracted {
    getBody(): string;
    getHeaders(options: { includeFooters: boolean }): string;
    getTextboxes(): string;
    getAnnotations(): string;
  }

  export default class WordExtractor {
    extract(data: Buffer): Promise<Extracted>;
  }
}
