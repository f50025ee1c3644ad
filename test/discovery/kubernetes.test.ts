import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { KubernetesSource } from '../../src/config/sources/kubernetes.ts'
import { kubernetesProvider } from '../../src/discovery/kubernetes.ts'
import { Kubernetes, type Pod } from '../support/kubernetes.ts'
import { inLines, Watched } from '../support/watched.ts'

/** Watches as in a pod of the cluster. */
async function watchInCluster(test: TestContext, api: Kubernetes, settings: object = {}, folder?: string) {
  const serviceAccount = folder ?? (await api.serviceAccount(test))
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) }
  const source = KubernetesSource.parse({ from: 'kubernetes', service: 'web', ...settings })
  return new Watched(test, kubernetesProvider(source, { env, serviceAccount }))
}

/** An API with these pods in one slice, `web-abc`, and a watch on it that has given them and waits for more. */
async function watching(test: TestContext, pods: readonly Pod[]) {
  const api = await Kubernetes.start(test)
  api.apply('web-abc', { pods })
  const watched = await watchInCluster(test, api)
  await watched.next()
  const next = watched.next()
  await api.watching()
  return { api, watched, next }
}

const web1: Pod = { name: 'web-1', address: '10.0.0.1' }

test('finds the pods of a Service, and each change as it happens', async (t) => {
  const api = await Kubernetes.start(t)
  api.apply('web-abc', { pods: [{ name: 'web-1', address: '10.0.0.1' }] })
  api.apply('db-abc', { service: 'db', pods: [{ name: 'db-1', address: '10.0.0.9' }] })
  const watched = await watchInCluster(t, api)
  const { servers, mistakes, isUrgent } = await watched.next()
  assert.deepEqual(servers, [{ id: 'web-1', name: 'web-1', address: '10.0.0.1:8080', state: 'ready' }])
  assert.deepEqual({ mistakes, isUrgent }, { mistakes: [], isUrgent: false })
  api.apply('web-def', { pods: [{ name: 'web-2', address: '10.0.0.2' }] })
  assert.deepEqual(inLines(await watched.next()), ['web-1 10.0.0.1:8080', 'web-2 10.0.0.2:8080'])
  api.apply('web-abc', { pods: [{ name: 'web-1', address: '10.0.0.7' }] })
  assert.deepEqual(inLines(await watched.next()), ['web-1 10.0.0.7:8080', 'web-2 10.0.0.2:8080'])
  api.delete('web-abc')
  assert.deepEqual(inLines(await watched.next()), ['web-2 10.0.0.2:8080'])
  api.delete('web-def')
  assert.deepEqual((await watched.next()).servers, [])
})

describe('the state of a server follows the conditions of its pod', () => {
  const cases = [
    [{ ready: true }, 'ready'],
    [{ ready: null, serving: null, terminating: null }, 'ready'],
    [{ ready: false }, 'away'],
    [{ ready: false, serving: true, terminating: true }, 'drain'],
    [{ ready: false, serving: false, terminating: true }, 'away'],
    // publishNotReadyAddresses
    [{ ready: true, serving: true, terminating: true }, 'drain'],
  ] as const
  for (const [conditions, state] of cases) {
    test(`${JSON.stringify(conditions)}: ${state}`, async (t) => {
      const api = await Kubernetes.start(t)
      api.apply('web-abc', { pods: [{ name: 'web-1', address: '10.0.0.1', ...conditions }] })
      const { servers } = await (await watchInCluster(t, api)).next()
      assert.equal(servers[0]?.state, state)
    })
  }
})

test('a pod that is asked to stop is urgent, once', async (t) => {
  const api = await Kubernetes.start(t)
  const pod = { name: 'web-1', address: '10.0.0.1' }
  api.apply('web-abc', { pods: [pod] })
  const watched = await watchInCluster(t, api)
  await watched.next()
  const stopping = { ...pod, ready: false, serving: true, terminating: true }
  api.apply('web-abc', { pods: [stopping] })
  const drain = await watched.next()
  assert.deepEqual([inLines(drain), drain.isUrgent], [['web-1 10.0.0.1:8080 drain'], true])
  api.apply('web-abc', { pods: [stopping, { name: 'web-2', address: '10.0.0.2' }] })
  assert.equal((await watched.next()).isUrgent, false)
})

test('a pod of a StatefulSet is the same server at its next address', async (t) => {
  const api = await Kubernetes.start(t)
  api.apply('web-abc', { pods: [{ name: 'web-0', address: '10.0.0.1' }] })
  const watched = await watchInCluster(t, api)
  const [before] = (await watched.next()).servers
  api.apply('web-abc', { pods: [] })
  assert.deepEqual((await watched.next()).servers, [])
  api.apply('web-abc', { pods: [{ name: 'web-0', address: '10.0.0.5', ready: false }] })
  assert.deepEqual(inLines(await watched.next()), ['web-0 10.0.0.5:8080 away'])
  api.apply('web-abc', { pods: [{ name: 'web-0', address: '10.0.0.5' }] })
  const [after] = (await watched.next()).servers
  assert.equal(after?.id, before?.id)
  assert.equal(after?.address, '10.0.0.5:8080')
})

test('an endpoint without a pod is known by its address', async (t) => {
  const api = await Kubernetes.start(t)
  api.apply('web-abc', { pods: [{ address: '10.0.0.1' }] })
  assert.deepEqual(inLines(await (await watchInCluster(t, api)).next()), ['10.0.0.1:8080 10.0.0.1:8080'])
})

test('a pod that is in two slices at once is one server, and ready where one of them says so', async (t) => {
  const api = await Kubernetes.start(t)
  api.apply('web-abc', { pods: [{ name: 'web-1', address: '10.0.0.1', ready: false }] })
  api.apply('web-def', { pods: [{ name: 'web-1', address: '10.0.0.1' }] })
  assert.deepEqual(inLines(await (await watchInCluster(t, api)).next()), ['web-1 10.0.0.1:8080'])
})

describe('of a pod with addresses of both families', () => {
  const cases = [
    [undefined, ['web-1 10.0.0.1:8080', 'web-2 [2001:db8::2]:8080']],
    ['ipv4', ['web-1 10.0.0.1:8080']],
    ['ipv6', ['web-1 [2001:db8::1]:8080', 'web-2 [2001:db8::2]:8080']],
  ] as const
  for (const [family, servers] of cases) {
    test(family === undefined ? 'IPv4 is used' : `${family} is used where it is wanted`, async (t) => {
      const api = await Kubernetes.start(t)
      const pods = [1, 2].map((number) => ({ name: `web-${number}`, address: `2001:db8::${number}` }))
      api.apply('web-v6', { family: 'IPv6', pods })
      api.apply('web-v4', { pods: [{ name: 'web-1', address: '10.0.0.1' }] })
      const watched = await watchInCluster(t, api, family === undefined ? {} : { family })
      assert.deepEqual(inLines(await watched.next()), servers)
    })
  }
})

describe('the port', () => {
  const two = [
    { name: 'http', port: 8080 },
    { name: 'metrics', port: 9090 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ]
  const pods = [{ name: 'web-1', address: '10.0.0.1' }]
  const cases: [string, object, Parameters<Kubernetes['apply']>[1], string][] = [
    ['is the only one', {}, { pods, ports: [{ port: 3000 }] }, '10.0.0.1:3000'],
    ['has a name', { port: 'metrics' }, { pods, ports: two }, '10.0.0.1:9090'],
    ['has a number', { port: 9090 }, { pods, ports: two }, '10.0.0.1:9090'],
    ['is any one of a headless Service without ports', { port: 7000 }, { pods, ports: [] }, '10.0.0.1:7000'],
  ]
  for (const [name, settings, slice, address] of cases) {
    test(name, async (t) => {
      const api = await Kubernetes.start(t)
      api.apply('web-abc', slice)
      const { servers } = await (await watchInCluster(t, api, settings)).next()
      assert.equal(servers[0]?.address, address)
    })
  }

  const mistakes: [string, object, string][] = [
    ['must be said where there are several', {}, 'expected one port, found http (8080), metrics (9090)'],
    ['must be there', { port: 'grpc' }, 'expected the port grpc, found http (8080), metrics (9090)'],
    ['must be one of TCP', { port: 53 }, 'expected the port 53, found http (8080), metrics (9090)'],
  ]
  for (const [name, settings, message] of mistakes) {
    test(name, async (t) => {
      const api = await Kubernetes.start(t)
      api.apply('web-abc', { pods, ports: two })
      const list = await (await watchInCluster(t, api, settings)).next()
      assert.deepEqual(list.servers, [])
      assert.deepEqual(
        list.mistakes.map((mistake) => [mistake.where, mistake.message]),
        [['EndpointSlice web-abc', message]],
      )
    })
  }
})

describe('a watch', () => {
  test('goes on after the version of the list, and tells bookmarks', async (t) => {
    const { api, next } = await watching(t, [])
    const query = new URL(api.asked[1]!, api.url).searchParams
    assert.deepEqual(
      ['labelSelector', 'watch', 'resourceVersion', 'allowWatchBookmarks'].map((name) => query.get(name)),
      ['kubernetes.io/service-name=web', 'true', '101', 'true'],
    )
    api.apply('web-abc', { pods: [web1] })
    await next
  })

  test('that the API ends is resumed where it was, also after a bookmark, without another list', async (t) => {
    const { api, next } = await watching(t, [])
    api.bookmark()
    api.endWatches()
    api.apply('web-abc', { pods: [web1] })
    assert.deepEqual(inLines(await next), ['web-1 10.0.0.1:8080'])
    const versions = api.asked.map((target) => new URL(target, api.url).searchParams.get('resourceVersion'))
    assert.deepEqual(versions, [null, '101', '1101'])
  })

  test('whose version is too old is followed by another list', async (t) => {
    const { api, watched, next } = await watching(t, [web1])
    api.endWatches()
    api.apply('web-abc', { pods: [{ name: 'web-2', address: '10.0.0.2' }] })
    api.forget()
    assert.deepEqual(inLines(await next), ['web-2 10.0.0.2:8080'])
    const again = watched.next()
    await api.watching()
    api.expireWatches()
    api.apply('web-def', { pods: [{ name: 'web-3', address: '10.0.0.3' }] })
    assert.deepEqual(inLines(await again), ['web-2 10.0.0.2:8080', 'web-3 10.0.0.3:8080'])
  })

  test('whose connection is lost is followed by another list; nothing is reported where that is the same', async (t) => {
    const { api, next } = await watching(t, [web1])
    api.loseConnections()
    await api.watching()
    api.loseConnections()
    api.delete('web-abc')
    assert.deepEqual((await next).servers, [])
  })

  test('ends at once with the provider', async (t) => {
    const api = await Kubernetes.start(t)
    const watched = await watchInCluster(t, api)
    await watched.next()
    void watched.isQuietFor(1)
    await api.watching()
    await watched.end()
    await api.watching(0)
  })
})

test('a list of several pages is one', async (t) => {
  const api = await Kubernetes.start(t)
  api.page = 2
  for (let index = 1; index <= 5; index++)
    api.apply(`web-${index}`, { pods: [{ name: `web-${index}`, address: `10.0.0.${index}` }] })
  assert.equal((await (await watchInCluster(t, api)).next()).servers.length, 5)
  assert.equal(api.asked.length, 3)
})

describe('it fails, and is not empty, where', () => {
  test('the API does not know the token', async (t) => {
    const api = await Kubernetes.start(t)
    const watched = await watchInCluster(t, api, {}, await api.serviceAccount(t, 'token-of-others'))
    await assert.rejects(watched.next(), (error: Error) => {
      assert.match(error.message, /with 401.*the credentials are not valid, or no longer/)
      assert.doesNotMatch(error.message, /token-of-others/)
      return true
    })
  })

  test('the Role is missing', async (t) => {
    const api = await Kubernetes.start(t)
    api.isAllowed = false
    const watched = await watchInCluster(t, api)
    await assert.rejects(
      watched.next(),
      /with 403.*a Role in the namespace shop must allow list and watch of endpointslices in discovery\.k8s\.io/,
    )
    const other = await watchInCluster(t, api, { namespace: 'other' })
    await assert.rejects(other.next(), /a Role in the namespace other must allow/)
  })

  test('the API ends', async (t) => {
    const api = await Kubernetes.start(t)
    const watched = await watchInCluster(t, api)
    await watched.next()
    const next = watched.next()
    await api.watching()
    api.end()
    await assert.rejects(next, /refuses connections/)
  })

  test('the API has a certificate of another authority', async (t) => {
    const [api, other] = [await Kubernetes.start(t), await Kubernetes.start(t)]
    const watched = await watchInCluster(t, api, {}, await other.serviceAccount(t))
    await assert.rejects(watched.next(), /cannot be asked: self-signed certificate in certificate chain$/)
  })

  test('there is no service account', async (t) => {
    const api = await Kubernetes.start(t)
    await assert.rejects((await watchInCluster(t, api, {}, '/nowhere')).next(), /\/nowhere\/namespace: cannot be read/)
  })
})

test('a token that Kubernetes has replaced is read again', async (t) => {
  const api = await Kubernetes.start(t)
  api.apply('web-abc', { pods: [] })
  const folder = await api.serviceAccount(t)
  const watched = await watchInCluster(t, api, {}, folder)
  await watched.next()
  const next = watched.next()
  await api.watching()
  api.tokens = new Set(['token-2'])
  await writeFile(join(folder, 'token'), 'token-2')
  api.endWatches()
  api.apply('web-abc', { pods: [{ name: 'web-1', address: '10.0.0.1' }] })
  assert.equal((await next).servers.length, 1)
})

describe('with a kubeconfig', () => {
  const outside = { env: {}, serviceAccount: '/nowhere' }
  const watch = (test: TestContext, settings: object) =>
    new Watched(
      test,
      kubernetesProvider(KubernetesSource.parse({ from: 'kubernetes', service: 'web', ...settings }), outside),
    )

  for (const context of [undefined, 'by-token', 'by-certificate']) {
    test(context === undefined ? 'its current context is used' : `the context ${context} is used`, async (t) => {
      const api = await Kubernetes.start(t)
      api.apply('web-abc', { pods: [{ name: 'web-1', address: '10.0.0.1' }] })
      if (context === 'by-certificate') api.tokens.clear()
      const kubeconfig = await api.kubeconfig(t, await api.authority.issueToClient('CN=limpet'))
      const watched = watch(t, { kubeconfig, ...(context !== undefined && { context }) })
      assert.deepEqual(inLines(await watched.next()), ['web-1 10.0.0.1:8080'])
      api.apply('web-abc', { pods: [] })
      assert.deepEqual((await watched.next()).servers, [])
    })
  }

  test('whose token has been replaced is read again', async (t) => {
    const api = await Kubernetes.start(t)
    api.apply('web-abc', { pods: [] })
    const pem = await api.authority.issueToClient('CN=limpet')
    const kubeconfig = await api.kubeconfig(t, pem)
    const watched = watch(t, { kubeconfig })
    await watched.next()
    const next = watched.next()
    await api.watching()
    api.tokens = new Set(['token-2'])
    const renewed = await api.kubeconfig(t, pem, 'token-2')
    await rename(renewed, kubeconfig)
    api.endWatches()
    api.apply('web-abc', { pods: [{ name: 'web-1', address: '10.0.0.1' }] })
    assert.equal((await next).servers.length, 1)
  })

  test('that has not that context says which it has', async (t) => {
    const api = await Kubernetes.start(t)
    const kubeconfig = await api.kubeconfig(t, await api.authority.issueToClient('CN=limpet'))
    await assert.rejects(
      watch(t, { kubeconfig, context: 'production' }).next(),
      /the kubeconfig has no context production, only by-token, by-certificate/,
    )
    await assert.rejects(watch(t, { kubeconfig: '/nowhere' }).next(), /the kubeconfig \/nowhere cannot be read: ENOENT/)
  })
})
