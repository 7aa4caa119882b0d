/** What lies around the stage: a sky that runs out into the floor's colour. */

import { BackSide, Color, Mesh, ShaderMaterial, SphereGeometry } from 'three';

const SKY = new Color('#4d7596');
const HAZE = new Color('#f0d3b0');
/** The floor's colour far away, which reaches up to the horizon, so that no edge shows. */
export const FLOOR = new Color('#aa9e95');

export function sky(): Mesh {
  const material = new ShaderMaterial({
    side: BackSide,
    depthWrite: false,
    uniforms: { sky: { value: SKY }, haze: { value: HAZE }, floor: { value: FLOOR } },
    vertexShader: `varying vec3 way;
      void main() { way = normalize(position); gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }`,
    fragmentShader: `varying vec3 way; uniform vec3 sky, haze, floor;
      void main() {
        float up = normalize(way).y;
        vec3 c = mix(floor, haze, smoothstep(-0.02, 0.10, up));
        gl_FragColor = vec4(mix(c, sky, smoothstep(0.05, 0.34, up)), 1.0);
        #include <colorspace_fragment>
      }`,
  });
  const dome = new Mesh(new SphereGeometry(30, 32, 24), material);
  dome.position.y = 0.6;
  return dome;
}
