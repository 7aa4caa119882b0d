/** The immersive mode: enters VR, reads head and hands, and puts the user 1.5 m before the character. */

import { Group, Quaternion, Vector3 } from 'three';
import { JOINTS } from './skeleton.ts';
import { type BodyPlaces, type HandTracking, type Tracked, type Tracking, UserBody } from './userbody.ts';
import { type MediaFrame, POSE_CODEC, poseFrame } from './wire.ts';
import type { World } from './world.ts';

type Placing = (transform: XRRigidTransform) => Tracked;

const AWAY_M = 1.5;
const UP = new Vector3(0, 1, 0);
const STALE_MS = 200; // the headset was taken off, or the page hidden: no frames is no pose
const FEATURES = ['hand-tracking', 'body-tracking'];

/** WebXR's name of each finger joint of the wire. */
const FINGERS = new Map<string, XRHandJoint>(
  JOINTS.filter((name) => /(index|middle|ring|pinky|thumb)\d$/.test(name)).map((name) => {
    const [, side, finger, n] = /^(left|right)_([a-z]+)(\d)$/.exec(name)!;
    const thumb = ['thumb-metacarpal', 'thumb-phalanx-proximal', 'thumb-phalanx-distal'];
    const other = ['proximal', 'intermediate', 'distal'];
    const part = finger === 'thumb' ? thumb[+n - 1] : `${finger}-finger-phalanx-${other[+n - 1]}`;
    return [`${side}_${finger}${n}`, part as XRHandJoint];
  }),
);

/** The draft's name of each joint whose place we use. Source: W3C WebXR Body Tracking, draft of 2024. */
const BODY: Record<string, string> = {
  pelvis: 'hips',
  ...Object.fromEntries(
    ['left', 'right'].flatMap((side) => [
      [`${side}_elbow`, `${side}-arm-lower`],
      [`${side}_hip`, `${side}-upper-leg`],
      [`${side}_knee`, `${side}-lower-leg`],
      [`${side}_ankle`, `${side}-foot-ankle`],
    ]),
  ),
};

export class Immersive {
  private readonly world: World;
  private readonly recentred: (spaceEpoch: number) => void;
  private readonly body = new UserBody();
  /** The headset's own space inside the shared one: camera and tracking go with it. */
  private readonly room = new Group();
  private session: XRSession | null = null;
  private base: XRReferenceSpace | null = null;
  private aligned = false;
  private spaceEpoch = 0;
  private last: { frame: Omit<MediaFrame, 'ptsUs'>; atMs: number } | null = null;

  /** `recentred`: the user's space has a new origin, which the relay must know. */
  constructor(world: World, recentred: (spaceEpoch: number) => void) {
    this.world = world;
    this.recentred = recentred;
  }

  static async supported(): Promise<boolean> {
    return (await navigator.xr?.isSessionSupported('immersive-vr').catch(() => false)) ?? false;
  }

  get active(): boolean {
    return this.session !== null;
  }

  /** Enters VR; call it from a click. Throws what the browser says.
   *
   * `left` is called when the user leaves, `press` when a trigger goes down or up, or fingers pinch.
   */
  async enter(left: () => void, press: (down: boolean) => void): Promise<void> {
    const session = await navigator.xr!.requestSession('immersive-vr', {
      requiredFeatures: ['local-floor'],
      optionalFeatures: FEATURES,
    });
    const { renderer, scene, camera } = this.world.stage;
    scene.add(this.room);
    this.room.add(camera);
    renderer.xr.enabled = true;
    renderer.xr.setReferenceSpaceType('local-floor');
    await renderer.xr.setSession(session as never);
    this.session = session;
    this.base = (await session.requestReferenceSpace('local-floor')) as XRReferenceSpace;
    this.base.addEventListener('reset', () => this.realign());
    this.aligned = false;
    this.world.onXr = (frame) => this.look(frame);
    session.addEventListener('selectstart', () => press(true));
    session.addEventListener('selectend', () => press(false));
    session.addEventListener('end', () => {
      this.session = this.base = this.last = null;
      this.world.onXr = null;
      this.room.remove(camera);
      scene.remove(this.room);
      left();
    });
  }

  async leave(): Promise<void> {
    await this.session?.end();
  }

  private realign(): void {
    this.aligned = false;
    this.spaceEpoch++;
    this.recentred(this.spaceEpoch);
  }

  private look(frame: XRFrame): void {
    const space = this.base!;
    if (!this.aligned) this.align(frame, space);
    const viewer = frame.getViewerPose(space);
    if (!viewer || !this.aligned) return;
    const place = (transform: XRRigidTransform): Tracked => this.shared(tracked(transform));
    const tracking: Tracking = { head: place(viewer.transform), body: bodyOf(frame, space, place), left: null, right: null };
    for (const source of this.session!.inputSources) {
      if (source.handedness === 'left' || source.handedness === 'right') {
        tracking[source.handedness] = hand(frame, source, space, place);
      }
    }
    const { ptsUs: _, ...pose } = poseFrame(this.body.pose(tracking), POSE_CODEC.s48, 0, this.spaceEpoch);
    this.last = { frame: pose, atMs: performance.now() };
  }

  /** Makes the shared space: the user 1.5 m before the character, who stands at the origin, facing it. */
  private align(frame: XRFrame, space: XRReferenceSpace): void {
    const viewer = frame.getViewerPose(space);
    if (!viewer) return;
    const { position, rotation } = tracked(viewer.transform);
    const ahead = new Vector3(0, 0, -1).applyQuaternion(rotation);
    const turn = new Quaternion().setFromAxisAngle(UP, Math.atan2(-ahead.x, -ahead.z));
    // the shared origin lies 1.5 m ahead of the user on the floor, turned so that the user looks along its -z
    const origin = new Vector3(0, 0, -AWAY_M).applyQuaternion(turn).add(new Vector3(position.x, 0, position.z));
    this.room.quaternion.copy(turn).invert();
    this.room.position.copy(origin).negate().applyQuaternion(this.room.quaternion);
    this.aligned = true;
  }

  /** A place of the headset's space in the shared space. */
  private shared({ position, rotation }: Tracked): Tracked {
    const { quaternion, position: moved } = this.room;
    return {
      position: position.applyQuaternion(quaternion).add(moved),
      rotation: rotation.premultiply(quaternion),
    };
  }

  /** The newest pose as it goes up; null while nothing is tracked. */
  next(ptsUs: number): MediaFrame | null {
    if (!this.last || performance.now() - this.last.atMs > STALE_MS) return null;
    return { ...this.last.frame, ptsUs };
  }
}

function tracked({ position: p, orientation: q }: XRRigidTransform): Tracked {
  return { position: new Vector3(p.x, p.y, p.z), rotation: new Quaternion(q.x, q.y, q.z, q.w) };
}

/** Where the body's joints are, in browsers that track the body; undefined elsewhere. */
function bodyOf(frame: XRFrame, space: XRReferenceSpace, place: Placing): BodyPlaces | undefined {
  const { body } = frame as XRFrame & { body?: { get(name: string): XRSpace | undefined } };
  if (!body) return undefined;
  const places = new Map<string, Vector3>();
  for (const [name, theirs] of Object.entries(BODY)) {
    const at = body.get(theirs);
    const pose = at && frame.getPose(at, space);
    if (pose) places.set(name, place(pose.transform).position);
  }
  return places.size ? places : undefined;
}

function hand(frame: XRFrame, source: XRInputSource, space: XRReferenceSpace, place: Placing): HandTracking | null {
  const wristSpace = source.hand?.get('wrist');
  const wrist = wristSpace && frame.getJointPose?.(wristSpace, space);
  if (source.hand && wrist) {
    const fingers = new Map<string, Quaternion>();
    for (const [name, part] of FINGERS) {
      const partSpace = name.startsWith(source.handedness) ? source.hand.get(part) : undefined;
      const pose = partSpace && frame.getJointPose?.(partSpace, space);
      if (pose) fingers.set(name, place(pose.transform).rotation);
    }
    return { wrist: place(wrist.transform), fingers };
  }
  // a controller: where it is held is where the hand is, and it points as the hand does
  const grip = source.gripSpace && frame.getPose(source.gripSpace, space);
  const ray = frame.getPose(source.targetRaySpace, space);
  if (!grip || !ray) return null;
  const wristPlace = { position: place(grip.transform).position, rotation: place(ray.transform).rotation };
  return { wrist: wristPlace, fingers: null };
}
