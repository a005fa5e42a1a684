/** What Limner uses of libheif-js, which brings no types for this entry. */
declare module 'libheif-js/wasm-bundle.js' {
  interface HeifImage {
    get_width(): number;
    get_height(): number;
    is_primary(): boolean;
    /** Fills `target` with red, green, blue and opacity; calls `done` with nothing where the picture is damaged. */
    display<Target extends { data: Uint8ClampedArray; width: number; height: number }>(
      target: Target,
      done: (shown: Target | null) => void,
    ): void;
    free(): void;
  }
  interface HeifDecoder {
    /** The pictures of a file; none where it is damaged. */
    decode(bytes: Uint8Array): HeifImage[];
  }
  const libheif: { ready?: Promise<unknown>; HeifDecoder: new () => HeifDecoder };
  export default libheif;
}
