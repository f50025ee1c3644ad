import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Addresses } from '../../src/discovery/docker/addresses.ts'
import type { KnownContainer } from '../../src/discovery/docker/known-containers.ts'
import { mounted } from '../../src/discovery/docker/own-container.ts'

const id = 'b8eec03a2e4a7465acd6ffa37563893a37cdc06660358b464473f4f5e55700b2'

test('the id of the container that this process runs in is in its mounts', () => {
  const line = `523 510 254:1 /docker/containers/${id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw`
  assert.equal(mounted(`1 0 0:1 / / rw - overlay overlay rw\n${line}\n`), id)
  assert.equal(mounted('22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n'), undefined)
})

function container(name: string, networks: Record<string, string>, networkMode = 'default'): KnownContainer {
  return {
    ...{ id: name, name, service: name, created: 1, started: 1, labels: {}, environment: {}, ports: [80] },
    ...{ state: 'ready', networkMode, isOneOff: false, isStopping: false },
    networks: Object.entries(networks).map(([name, address]) => ({ name, address })),
  }
}

test('from within a container, others are reached on a network that both are on', () => {
  const limpet = container('limpet', { front: '10.2.0.9' })
  const web = container('web', { back: '10.1.0.2', front: '10.2.0.2' })
  const db = container('db', { back: '10.1.0.3' })
  const host = container('host', {}, 'host')
  const addresses = new Addresses([limpet, web, db, host], '127.0.0.1', undefined, 'limpet')
  const of = (container: KnownContainer) => addresses.of({ container, port: 80, settings: {} })
  assert.equal(of(web), '10.2.0.2:80')
  assert.deepEqual(of(db), {
    message: "is on back, and Limpet's own container is on front",
    hint: 'connect one of them to a network of the other: docker network connect back limpet',
  })
  assert.match((of(host) as { message: string }).message, /^uses the network of the host/)
})
