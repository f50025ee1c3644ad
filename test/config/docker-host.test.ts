import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DockerHost, formatDockerHost, parseDockerHost } from '../../src/config/docker-host.ts'
import { InvalidValue } from '../../src/config/error.ts'

const valid: readonly [text: string, isSecure: boolean, place: DockerHost, shown: string][] = [
  ['unix:///var/run/docker.sock', false, { socket: '/var/run/docker.sock' }, 'unix:///var/run/docker.sock'],
  ['unix:/run/docker.sock', true, { socket: '/run/docker.sock' }, 'unix:///run/docker.sock'],
  ['tcp://10.0.0.1', false, { host: '10.0.0.1', port: 2375 }, 'tcp://10.0.0.1:2375'],
  ['tcp://10.0.0.1', true, { host: '10.0.0.1', port: 2376 }, 'tcp://10.0.0.1:2376'],
  ['https://Docker.example:443/', true, { host: 'docker.example', port: 443 }, 'tcp://docker.example:443'],
  ['tcp://[2001:DB8::1]:2375', false, { host: '2001:db8::1', port: 2375 }, 'tcp://[2001:db8::1]:2375'],
]

for (const [text, isSecure, place, shown] of valid)
  test(`the address of an engine: ${text}${isSecure ? ', by TLS' : ''}`, () => {
    assert.deepEqual(parseDockerHost(text, isSecure), place)
    assert.equal(formatDockerHost(place), shown)
  })

for (const [text, hint] of [
  ['/run/docker.sock', 'write unix:///run/docker.sock'],
  ['ssh://user@host', 'ssh:// is not supported: forward the socket with ssh -L, and name that'],
  ['npipe:////./pipe/docker_engine', undefined],
  ['docker', undefined],
  ['tcp://', undefined],
  ['tcp://host:0', undefined],
  ['tcp://host:99999', undefined],
  ['tcp://host/path', undefined],
  ['unix://', 'write an absolute path'],
] as const)
  test(`no address of an engine: ${text}`, () => {
    assert.throws(
      () => parseDockerHost(text, false),
      (error) => error instanceof InvalidValue && error.hint === hint,
    )
  })
