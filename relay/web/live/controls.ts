/** What the user presses: buttons, settings, pointer and keys. Decides nothing; tells the app. */

import type { View as Camera } from '../src/stage.ts';
import type { App } from './app.ts';
import { wireAvatars } from './dropped.ts';
import type { Gesture } from './standin.ts';
import { get } from './view.ts';
import { Immersive } from './xr.ts';

const KEYS: Record<string, Gesture> = { KeyW: 'wave', KeyN: 'nod', KeyX: 'shake', KeyB: 'bow', KeyR: 'raise' };

/** Wires the whole page. */
export function wireControls(app: App): void {
  get('start').onclick = () => void app.start();
  get('pairing').onsubmit = async (event) => {
    event.preventDefault();
    if (await app.pair(get<HTMLInputElement>('code').value)) await app.start();
  };
  get('talk').onsubmit = (event) => {
    event.preventDefault();
    const box = get<HTMLInputElement>('text');
    const text = box.value.trim();
    if (text) app.talk?.say(text);
    box.value = '';
  };
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-view]')) {
    button.onclick = () => look(app, button.dataset.view as Camera);
  }
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-gesture]')) {
    button.onclick = () => app.standIn.do(button.dataset.gesture as Gesture);
  }
  get<HTMLSelectElement>('character').onchange = (event) => app.choose((event.target as HTMLSelectElement).value);
  get('open-options').onclick = () => get<HTMLDialogElement>('options').showModal();
  get('save-30').onclick = () => void app.save(30_000);
  get('save-all').onclick = () => void app.save(Infinity);
  wireAvatars(app);
  wireMicrophone(app);
  wireOptions(app);
  wirePointerAndKeys(app);
  void wireVr(app);
}

function look(app: App, camera: Camera): void {
  app.world.look(camera);
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-view]')) {
    button.setAttribute('aria-pressed', String(button.dataset.view === camera));
  }
}

function wireMicrophone(app: App): void {
  const mic = get('mic');
  mic.onclick = () => {
    const { talk } = app;
    if (!talk || (app.options.pushToTalk && talk.hears)) return;
    void (talk.hears ? talk.closeMicrophone() : talk.openMicrophone());
  };
  mic.addEventListener('pointerdown', () => hold(app, true));
  for (const name of ['pointerup', 'pointercancel', 'pointerleave']) mic.addEventListener(name, () => hold(app, false));
}

/** Push to talk: the user is heard while `down`. */
function hold(app: App, down: boolean): void {
  if (app.talk && app.options.pushToTalk) app.talk.speaking = down;
}

function wireOptions(app: App): void {
  const { options } = app;
  for (const key of ['microphone', 'pushToTalk', 'captions', 'reducedMotion'] as const) {
    const box = get<HTMLInputElement>(`opt-${key}`);
    box.checked = options[key];
    box.onchange = () => {
      options[key] = box.checked;
      if (key === 'microphone' && app.talk) {
        void (box.checked ? app.talk.openMicrophone() : app.talk.closeMicrophone());
      }
      app.apply();
    };
  }
  const volume = get<HTMLInputElement>('opt-volume');
  volume.value = String(options.volume);
  volume.oninput = () => {
    options.volume = Number(volume.value);
    app.apply();
  };
}

function wirePointerAndKeys(app: App): void {
  get('view').addEventListener('pointermove', (event) => {
    if (event.buttons || event.pointerType !== 'mouse') return;
    app.standIn.look((event.clientX / innerWidth - 0.5) * 0.8, (0.5 - event.clientY / innerHeight) * 0.5);
  });
  addEventListener('keydown', (event) => {
    const on = document.activeElement;
    const gesture = KEYS[event.code];
    if (gesture && (event.altKey || on === get('view'))) {
      event.preventDefault();
      app.standIn.do(gesture);
    } else if (event.code === 'Space') {
      if ([get('view'), get('mic'), document.body].includes(on as HTMLElement)) hold(app, true);
    } else if (on === document.body && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
      get('text').focus(); // who just begins to write means the text box
    }
  });
  addEventListener('keyup', (event) => event.code === 'Space' && hold(app, false));
}

async function wireVr(app: App): Promise<void> {
  const button = get<HTMLButtonElement>('vr');
  button.hidden = !(await Immersive.supported());
  button.onclick = async () => {
    if (app.vr.active) return app.vr.leave();
    try {
      const left = (): void => {
        button.textContent = 'Enter VR';
        look(app, 'talk');
      };
      await app.vr.enter(left, (down) => hold(app, down));
      button.textContent = 'Leave VR';
      if (document.body.dataset.phase !== 'live') await app.start();
    } catch (error) {
      app.view.notice('vr', `VR could not be entered: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
}
