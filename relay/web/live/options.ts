/** What the user chose, kept in this browser. */

export interface Options {
  microphone: boolean;
  pushToTalk: boolean;
  captions: boolean;
  reducedMotion: boolean;
  volume: number;
  character: string;
}

const KEY = 'solami.options';

export function loadOptions(): Options {
  const defaults: Options = {
    microphone: true,
    pushToTalk: false,
    captions: true,
    reducedMotion: matchMedia('(prefers-reduced-motion: reduce)').matches,
    volume: 1,
    character: '',
  };
  try {
    return { ...defaults, ...JSON.parse(localStorage.getItem(KEY) ?? '{}') };
  } catch {
    return defaults; // a browser that keeps nothing
  }
}

export function saveOptions(options: Options): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(options));
  } catch {
    // private windows may refuse; the choice then lasts as long as the page
  }
}
