/** A body that can show figures, whatever file it came from. */

import type { Group, Vector3 } from 'three';
import type { Figure } from './figure.ts';

export interface Rig {
  /** Stands at the character's place and faces its way. */
  readonly root: Group;
  /** What it is, for a person: "Copper", "your VRM 0.x avatar". */
  readonly title: string;
  /** What the file lacks, each in plain words; empty when nothing does. */
  readonly lacks: readonly string[];
  show(figure: Figure): void;
  /** Moves what moves by itself (springs, constraints). */
  update(dtS: number): void;
  /** Where the voice comes from, in world space. */
  mouth(out: Vector3): void;
  /** What is shown, read back from the scene: local quaternions of the wire's joints, and face weights by wire order. */
  shown(): { root: number[]; rot: number[][]; face: number[] };
  dispose(): void;
}
