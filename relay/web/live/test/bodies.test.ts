import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Group, Object3D, Quaternion, Vector3 } from 'three';
import { newFigure } from '../figure.ts';
import { Retarget } from '../retarget.ts';
import { joint, JOINTS, PARENTS, REST_OFFSETS } from '../skeleton.ts';
import { handRotation, UserBody } from '../userbody.ts';
import type { Poses } from '../wire.ts';

/** Where the joints of a pose are. */
function places(pose: { root: Float32Array; rot: Float32Array }): Vector3[] {
  const turn: Quaternion[] = [];
  const place: Vector3[] = [];
  JOINTS.forEach((_, j) => {
    const own = new Quaternion().fromArray(pose.rot, 4 * j);
    const up = PARENTS[j];
    turn.push(up < 0 ? own : turn[up].clone().multiply(own));
    const offset = new Vector3().fromArray([...REST_OFFSETS[j]]);
    place.push(up < 0 ? new Vector3().fromArray(pose.root) : offset.applyQuaternion(turn[up]).add(place[up]));
  });
  return place;
}

/** A viewer at (0, 1.6, 0) who looks along -z; hands before the chest, fingers ahead, backs up. */
function tracking(left: Vector3 | null, right: Vector3 | null) {
  const hand = (at: Vector3 | null) => at && { wrist: { position: at, rotation: new Quaternion() }, fingers: null };
  return {
    head: { position: new Vector3(0, 1.6, 0), rotation: new Quaternion() },
    left: hand(left),
    right: hand(right),
  };
}

test('a hand that points ahead with its back up is the T-pose hand turned to the front', () => {
  for (const [side, out] of [['left', 1], ['right', -1]] as const) {
    const turned = handRotation(new Quaternion(), side);
    const fingers = new Vector3(out, 0, 0).applyQuaternion(turned);
    const back = new Vector3(0, 1, 0).applyQuaternion(turned);
    assert.ok(fingers.distanceTo(new Vector3(0, 0, -1)) < 1e-6, side);
    assert.ok(back.distanceTo(new Vector3(0, 1, 0)) < 1e-6, side);
  }
});

test('wrists are where the hands are, and the left one is on the left', () => {
  const left = new Vector3(-0.2, 1.2, -0.3);
  const right = new Vector3(0.25, 1.35, -0.2);
  const pose = new UserBody().pose(tracking(left, right));
  const at = places(pose);
  assert.ok(at[joint('left_wrist')].distanceTo(left) < 0.01, at[joint('left_wrist')].toArray().join());
  assert.ok(at[joint('right_wrist')].distanceTo(right) < 0.01);
  assert.ok(at[joint('left_elbow')].y < 1.3, 'elbows hang');
  assert.equal(pose.validity![joint('left_wrist')], 2);
  assert.equal(pose.validity![joint('left_index1')], 0, 'a controller shows no fingers');
  assert.equal(pose.validity![joint('left_knee')], 1);
});

test('without hands the arms hang and are inferred', () => {
  const pose = new UserBody().pose(tracking(null, null));
  const at = places(pose);
  assert.ok(at[joint('left_wrist')].y < 1.05);
  assert.equal(pose.validity![joint('left_wrist')], 1);
  assert.ok(Math.abs(at[joint('head')].y - (1.6 - 0.062)) < 0.01);
});

test('a tracked body bends the knees', () => {
  const body = new Map([
    ['pelvis', new Vector3(0, 0.6, 0.1)],
    ['left_hip', new Vector3(-0.09, 0.55, 0.1)],
    ['left_knee', new Vector3(-0.09, 0.5, -0.3)],
    ['left_ankle', new Vector3(-0.09, 0.1, -0.3)],
  ]);
  const at = places(new UserBody().pose({ ...tracking(null, null), body }));
  const thigh = at[joint('left_knee')].clone().sub(at[joint('left_hip')]).normalize();
  assert.ok(thigh.z < -0.9, thigh.toArray().join());
  assert.ok(Math.abs(at[joint('pelvis')].y - 0.6) < 1e-6);
});

/** A skeleton with the wire's joints at rest, arms in an A-pose, and bones turned any way inside. */
function skeleton(): { root: Group; nodes: Map<string, Object3D> } {
  const root = new Group();
  const nodes = new Map<string, Object3D>();
  JOINTS.forEach((name, j) => {
    const node = new Object3D();
    node.position.fromArray([...REST_OFFSETS[j]]);
    nodes.set(name, node);
    (PARENTS[j] < 0 ? root : nodes.get(JOINTS[PARENTS[j]])!).add(node);
  });
  nodes.get('left_shoulder')!.quaternion.setFromAxisAngle(new Vector3(0, 0, 1), -0.8);
  nodes.get('right_shoulder')!.quaternion.setFromAxisAngle(new Vector3(0, 0, 1), 0.8);
  const head = nodes.get('head')!;
  head.quaternion.setFromAxisAngle(new Vector3(1, 0, 0), Math.PI / 2);
  for (const child of head.children) child.position.applyQuaternion(head.quaternion.clone().invert());
  return { root, nodes };
}

test('an A-pose with turned bones takes the same places as the wire', () => {
  const { root, nodes } = skeleton();
  const retarget = new Retarget(root, nodes);
  root.rotation.y = 1.1; // wherever the character stands
  const figure = newFigure();
  figure.root.set([0.1, 0.9, 0.2]);
  for (let j = 0; j < JOINTS.length; j++) {
    new Quaternion().setFromAxisAngle(new Vector3(Math.sin(j), Math.cos(2 * j), 0.3).normalize(), 0.4).toArray(figure.rot, 4 * j);
  }
  retarget.apply(figure);
  const wanted = places(figure as unknown as Poses);
  const off = JOINTS.map((name, j) => root.worldToLocal(nodes.get(name)!.getWorldPosition(new Vector3())).distanceTo(wanted[j]));
  const worst = off.indexOf(Math.max(...off));
  assert.ok(off[worst] < 0.002, `${JOINTS[worst]}: ${off[worst]}`);
  retarget.read().forEach((q, j) => {
    const dot = q.reduce((sum, v, i) => sum + v * figure.rot[4 * j + i], 0);
    assert.ok(Math.abs(dot) > 0.99999, JOINTS[j]);
  });
});
