/** What the page says, for someone in VR who cannot see the page: a board beside the character, seen with its face. */

import { CanvasTexture, LinearFilter, Mesh, MeshBasicMaterial, PlaneGeometry, type Scene, SRGBColorSpace, Vector3 } from 'three';

const WIDE = 1024;
const HIGH = 320;
const WIDE_M = 0.8;
// metres from the character's place; the user stands 1.5 m before it and has the board 30 degrees to the right
const PLACE = new Vector3(0.8, 1.3, 0.2);
const USER = new Vector3(0, 1.55, 1.5);
const PADDING = 44;
const FONT = '"Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif';

/** Words with the colour of who says them; `small` ones stand above the others. */
export interface Line {
  text: string;
  colour: string;
  small?: boolean;
}

export class Board {
  /** What is written on it now. */
  text = '';
  private readonly context: CanvasRenderingContext2D;
  private readonly texture: CanvasTexture;
  private readonly mesh: Mesh;

  constructor(scene: Scene) {
    const canvas = document.createElement('canvas');
    canvas.width = WIDE;
    canvas.height = HIGH;
    this.context = canvas.getContext('2d')!;
    this.texture = new CanvasTexture(canvas);
    this.texture.colorSpace = SRGBColorSpace;
    this.texture.minFilter = LinearFilter;
    const material = new MeshBasicMaterial({ map: this.texture, transparent: true, depthWrite: false, toneMapped: false });
    this.mesh = new Mesh(new PlaneGeometry(WIDE_M, (WIDE_M * HIGH) / WIDE), material);
    this.mesh.position.copy(PLACE);
    this.mesh.lookAt(USER);
    this.mesh.visible = false;
    scene.add(this.mesh);
  }

  /** Shows the lines; nothing for none. Draws only when something changed. */
  show(lines: Line[]): void {
    const text = lines.map((line) => line.text).join('\n');
    if (text === this.text) return;
    this.text = text;
    this.mesh.visible = text !== '';
    if (!text) return;
    const { context } = this;
    context.clearRect(0, 0, WIDE, HIGH);
    context.fillStyle = '#1d2430d0';
    context.beginPath();
    context.roundRect(4, 4, WIDE - 8, HIGH - 8, 40);
    context.fill();
    context.textBaseline = 'top';
    let y = PADDING;
    for (const line of lines) y = this.write(line, y);
    this.texture.needsUpdate = true;
  }

  private write({ text, colour, small }: Line, top: number): number {
    const size = small ? 34 : 46;
    const step = size * 1.25;
    this.context.font = `${size}px ${FONT}`;
    this.context.fillStyle = colour;
    let line = '';
    let y = top;
    for (const word of text.split(/\s+/)) {
      const longer = line ? `${line} ${word}` : word;
      if (line && this.context.measureText(longer).width > WIDE - 2 * PADDING) {
        this.context.fillText(line, PADDING, y);
        y += step;
        line = word;
      } else line = longer;
    }
    this.context.fillText(line, PADDING, y);
    return y + step;
  }
}
