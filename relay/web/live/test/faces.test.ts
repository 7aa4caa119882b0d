import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferGeometry, Group, Mesh } from 'three';
import { type VRM, VRMExpression, VRMExpressionManager, VRMExpressionMorphTargetBind } from '@pixiv/three-vrm';
import { faceOf, matching, presets } from '../faces.ts';
import { FACE_COUNT, shape } from '../skeleton.ts';

test('ARKit shapes are found in any spelling', () => {
  const found = matching(['JawOpen', 'mouth_smile_left', 'browDown_L', 'eyeBlink_R', 'Fcl_ALL_Joy']);
  assert.equal(found.get(shape('jawOpen')), 'JawOpen');
  assert.equal(found.get(shape('mouthSmileLeft')), 'mouth_smile_left');
  assert.equal(found.get(shape('browDownLeft')), 'browDown_L');
  assert.equal(found.get(shape('eyeBlinkRight')), 'eyeBlink_R');
  assert.equal(found.size, 4);
});

test('presets: a closed mouth is closed, an open one says aa, a smile is happy', () => {
  const face = new Float32Array(FACE_COUNT);
  face[shape('jawOpen')] = 0.5;
  assert.ok(presets(face).aa > 0.6);
  face[shape('mouthClose')] = 1;
  assert.equal(presets(face).aa, 0);
  face[shape('mouthSmileLeft')] = face[shape('mouthSmileRight')] = 0.8;
  assert.ok(presets(face).happy > 0.5);
});

/** A VRM 1.0 face with a mouth that opens and a smile, which overrides the mouth as the model says. */
function smiling(overrideMouth: 'none' | 'block' | 'blend') {
  const mesh = new Mesh(new BufferGeometry());
  mesh.morphTargetInfluences = [0, 0];
  const expressionManager = new VRMExpressionManager();
  for (const [index, name] of ['aa', 'happy'].entries()) {
    const expression = new VRMExpression(name);
    expression.addBind(new VRMExpressionMorphTargetBind({ primitives: [mesh], index, weight: 1 }));
    if (name === 'happy') expression.overrideMouth = overrideMouth;
    expressionManager.registerExpression(expression);
  }
  return { mesh, expressionManager, face: faceOf(new Group(), { expressionManager } as VRM) };
}

for (const override of ['none', 'block', 'blend'] as const) {
  test(`lips do not vanish under a smile that says of the mouth: ${override}`, () => {
    const { mesh, expressionManager, face } = smiling(override);
    const weights = new Float32Array(FACE_COUNT);
    weights[shape('jawOpen')] = 0.4;
    weights[shape('mouthSmileLeft')] = weights[shape('mouthSmileRight')] = 0.9;
    face.show(weights);
    expressionManager.update();
    const [aa, happy] = mesh.morphTargetInfluences!;
    assert.ok(Math.abs(aa - 0.64) < 1e-6, `aa ${aa}`);
    assert.ok(Math.abs(face.read()[shape('jawOpen')] - 0.4) < 1e-6, 'read back from the mesh');
    assert.equal(happy > 0.5, override === 'none', `happy ${happy}`);
    weights[shape('jawOpen')] = 0;
    face.show(weights);
    expressionManager.update();
    assert.ok(mesh.morphTargetInfluences![1] > 0.7, 'the smile is back when the lips rest');
  });
}

test('presets that move nothing are no face', () => {
  const expressionManager = new VRMExpressionManager();
  expressionManager.registerExpression(new VRMExpression('aa'));
  assert.equal(faceOf(new Group(), { expressionManager } as VRM).kind, 'none');
});
