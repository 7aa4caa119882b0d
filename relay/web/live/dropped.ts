/** The user's own avatar: dropped on the page or chosen from disk. What reads it is loaded only then. */

import type { App } from './app.ts';
import { get } from './view.ts';

/** Lets `app` wear a file. Throws AvatarError in plain words. */
export async function wearFile(app: App, file: File): Promise<void> {
  const { ForeignRig } = await import('./foreign.ts');
  const rig = await ForeignRig.load(file, file.name);
  await app.world.wear(rig, rig.scale);
  const lacks = rig.lacks.length ? ` Note: ${rig.lacks.join(', ')}.` : '';
  app.view.notice('avatar', `${file.name} (${rig.kind}) is worn now.${lacks}`);
}

/** Takes files from the settings and from a drop anywhere on the page. */
export function wireAvatars(app: App): void {
  const picker = get<HTMLInputElement>('file');
  picker.onchange = () => {
    const file = picker.files?.[0];
    if (file) void app.wear(file);
    picker.value = '';
  };
  get('own-avatar').onclick = () => void app.wear(null);
  addEventListener('dragover', (event) => {
    event.preventDefault();
    document.body.dataset.dropping = 'true';
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) document.body.dataset.dropping = 'false';
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.dataset.dropping = 'false';
    const file = event.dataTransfer?.files[0];
    if (file) void app.wear(file);
  });
}
