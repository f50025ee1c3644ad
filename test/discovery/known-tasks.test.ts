/** What a manager of a Swarm answered (test/fixtures/swarm, recorded from Docker 20.10), as servers. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { type KnownTask, knownTasks, type TaskEvents } from '../../src/discovery/swarm/known-tasks.ts'
import { isChanging, type SwarmState, swarmState } from '../../src/discovery/swarm/swarm-state.ts'
import { TaskAddresses } from '../../src/discovery/swarm/task-addresses.ts'

const NONE: TaskEvents = { stopping: new Set(), ended: new Set() }
const WEB = 'mqc2jt7xq3velpkn1bt0wqb4b'

describe('the tasks of a service', () => {
  const cases: [moment: string, ...tasks: string[]][] = [
    ['running', 't-web.1 ready', 't-web.2 ready'],
    ['scaled', 't-web.1 ready', 't-web.2 ready, stopping'],
    ['updating', 't-web.1 ready, stopping', 't-web.1 away'],
    ['starting', 't-web.1 away'],
    ['updated', 't-web.1 ready'],
  ]
  for (const [moment, ...expected] of cases) {
    test(moment, () => assert.deepEqual(inWords(knownTasks(ofWeb(moment), NONE)), expected))
  }
})

test('what events of this node say counts before the list of tasks says it', () => {
  const [first, second] = ofWeb('running').tasks.map(({ ID }) => ID)
  const events = { stopping: new Set([first!]), ended: new Set([second!]) }
  assert.deepEqual(inWords(knownTasks(ofWeb('running'), events)), ['t-web.2 ready, stopping'])
})

test('while something is on its way, more is asked for', () => {
  const moments = ['running', 'scaled', 'updating', 'starting', 'updated']
  assert.deepEqual(
    moments.map((moment) => isChanging(ofWeb(moment))),
    [false, true, true, true, false],
  )
})

test('a task of a global service is called after its node', () => {
  const state = stateAt('running')
  const names = knownTasks(state, NONE).map(({ name }) => name)
  assert.ok(names.includes('t-glob.vm'), names.join())
})

test('a task on a node that is down is down', () => {
  const state = ofWeb('running')
  const nodes = state.nodes.map((node) => ({ ...node, Status: { ...node.Status, State: 'down' } }))
  assert.deepEqual(inWords(knownTasks({ ...state, nodes }, NONE)), ['t-web.1 down', 't-web.2 down'])
})

test('a stack is the project of its services', () => {
  const state = ofWeb('running')
  const labels = { 'com.docker.stack.namespace': 't' }
  const services = state.services.map((service) => ({ ...service, Spec: { Name: 't_web', Labels: labels } }))
  const [task] = knownTasks({ ...state, services }, NONE)
  assert.equal(task!.project, 't')
  assert.equal(task!.service, 'web')
  assert.equal(task!.name, 't_web.1')
})

describe('the address of a task', () => {
  const address = (service: string, isInContainer: boolean, network?: string, port = 80) => {
    const tasks = knownTasks(stateAt('running'), NONE)
    const task = tasks.find(({ name }) => name === service)!
    return new TaskAddresses(tasks, isInContainer, network).of({ container: task, port, settings: {} })
  }

  test('from outside a container it is the port that the node publishes', () =>
    assert.equal(address('t-web.1', false), '127.0.0.1:32768'))
  test('in a container it is that on the network of the task', () =>
    assert.equal(address('t-over.1', true), '10.0.1.4:80'))
  test('in a container it is the published port of a task without a network', () =>
    assert.equal(address('t-glob.vm', true), '127.0.0.1:32770'))
  test('a network may be named', () => assert.equal(address('t-over.2', true, 't-net'), '10.0.1.3:80'))
  test('a network that the task is not on', () =>
    assert.deepEqual(address('t-over.2', true, 'other'), { message: 'expected the network other, found t-net' }))
  test('from outside a container nothing reaches a network of the Swarm', () =>
    assert.match((address('t-over.1', false) as { message: string }).message, /publishes no port of 80 .*t-net/))
  test('a port that is not published', () =>
    assert.match((address('t-web.1', false, undefined, 81) as { hint: string }).hint, /mode=host,target=81/))
})

test('of a port for IPv4 and one for IPv6, that of the address of the node', () => {
  const state = ofWeb('running')
  const port = (PublishedPort: number) => ({ TargetPort: 80, PublishedPort, PublishMode: 'host' })
  const tasks = state.tasks.map((task) => ({
    ...task,
    Status: { ...task.Status, PortStatus: { Ports: [port(4), port(6)] } },
  }))
  const at = (Addr: string) =>
    knownTasks(
      { ...state, tasks, nodes: state.nodes.map((node) => ({ ...node, Status: { Addr } })) },
      NONE,
    )[0]!.published.get(80)
  assert.equal(at('10.0.0.2'), '10.0.0.2:4')
  assert.equal(at('fd00::2'), '[fd00::2]:6')
})

function inWords(tasks: readonly KnownTask[]): string[] {
  return tasks.map(({ name, state, isStopping }) => `${name} ${state}${isStopping ? ', stopping' : ''}`)
}

function ofWeb(moment: string): SwarmState {
  const { tasks, ...rest } = stateAt(moment)
  return { ...rest, tasks: tasks.filter(({ ServiceID }) => ServiceID === WEB) }
}

function stateAt(moment: string): SwarmState {
  const read = (name: string) =>
    JSON.parse(readFileSync(new URL(`../fixtures/swarm/${name}.json`, import.meta.url), 'utf8'))
  return swarmState(read('services'), read(`tasks-${moment}`), read('nodes'))
}
