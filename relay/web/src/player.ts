/** Shows a recorded turn at any time of its time line: body, face, user, captions. */

import { Avatar } from './avatar';
import type { Stage } from './stage';
import type { PoseTrack, Turn } from './turndata';

/** Two neighbouring frames and how far between them a moment lies. */
export function between(seconds: number, fps: number, frames: number): { frame: number; next: number; share: number } {
  const at = Math.min(Math.max(seconds * fps, 0), frames - 1);
  const frame = Math.floor(at);
  return { frame, next: Math.min(frame + 1, frames - 1), share: at - frame };
}

export class Player {
  private constructor(
    readonly turn: Turn,
    readonly stage: Stage,
    readonly character: Avatar,
    readonly user: Avatar | null,
  ) {
    stage.scene.add(character.root);
    if (user) stage.scene.add(user.root);
  }

  static async open(turn: Turn, stage: Stage): Promise<Player> {
    const character = await Avatar.load(turn.avatar);
    const user = turn.user ? await Avatar.load(turn.avatar) : null;
    user?.ghost(0x9fd4f5);
    return new Player(turn, stage, character, user);
  }

  /** Poses everybody as at `seconds`; draws nothing. */
  show(seconds: number): void {
    const { turn } = this;
    const f = between(seconds, turn.fps, turn.pose.frames);
    this.character.applyPose(turn.pose.root, turn.pose.rot, f.frame, f.next, f.share);
    const [x, , z] = this.character.place();
    this.stage.under(x, z);
    this.character.applyFace(turn.face, f.frame, f.next, f.share);
    if (this.user && turn.user) this.showUser(this.user, turn.user, seconds);
  }

  private showUser(user: Avatar, track: PoseTrack, seconds: number): void {
    const f = between(seconds, this.turn.fps, track.frames);
    const tracked = Number.isFinite(track.root[f.frame * 3]) && Number.isFinite(track.root[f.next * 3]);
    user.root.visible = tracked && this.userShown;
    if (user.root.visible) user.applyPose(track.root, track.rot, f.frame, f.next, f.share);
  }

  userShown = true;
}
