/** examples/kubernetes agrees with the program. No cluster runs here. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { parseConfig } from '../../src/config/file.ts'
import type { KubernetesSource } from '../../src/config/sources/kubernetes.ts'
import { kubernetesProvider } from '../../src/discovery/kubernetes.ts'
import { temporaryFolder } from '../support/folder.ts'
import { Kubernetes } from '../support/kubernetes.ts'
import { runLimpet } from '../support/limpet.ts'
import { Watched } from '../support/watched.ts'

const folder = new URL('../../examples/kubernetes/', import.meta.url)

// biome-ignore lint/suspicious/noExplicitAny: Each kind has a form of its own.
type Manifest = any

const manifests: Manifest[] = readdirSync(folder).flatMap((file) =>
  parseAllDocuments(readFileSync(new URL(file, folder), 'utf8')).map((document) => {
    assert.deepEqual(document.errors, [], file)
    return document.toJS()
  }),
)

function manifestOf(kind: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind)
  assert.ok(found, `there is no ${kind}`)
  return found
}

const configuration: string = manifestOf('ConfigMap').data['limpet.yaml']
const env = { COOKIE_SECRET: 'a-text-of-more-than-32-characters-for-secrets' }
const config = parseConfig(configuration, 'limpet.yaml', env)
const pod = manifestOf('Deployment').spec.template.spec
const [container] = pod.containers

test('limpet check accepts the configuration without a warning', async (t) => {
  const file = join(await temporaryFolder(t), 'limpet.yaml')
  await writeFile(file, configuration)
  const { code, stderr } = await runLimpet(['check', '-c', file], env)
  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stderr, /warning|error/i)
})

test('the Role allows all that Limpet asks, and nothing else', async (t) => {
  const api = await Kubernetes.start(t)
  const surroundings = {
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) },
    serviceAccount: await api.serviceAccount(t),
  }
  const source = config.upstreams[0]!.sources[0] as KubernetesSource
  const watched = new Watched(t, kubernetesProvider(source, surroundings))
  await watched.next()
  const changed = watched.next()
  await api.watching()
  api.apply('web-abc', { pods: [{ name: 'web-1', address: '10.0.0.1' }] })
  await changed
  const asked = api.asked.map((target) => {
    const { pathname, searchParams } = new URL(target, api.url)
    const [, group, resource] = /^\/apis\/([^/]+)\/v1\/namespaces\/shop\/([^/]+)$/.exec(pathname)!
    return `${searchParams.has('watch') ? 'watch' : 'list'} ${group} ${resource}`
  })
  const allowed = manifestOf('Role').rules.flatMap(({ apiGroups, resources, verbs }: Manifest) =>
    verbs.map((verb: string) => `${verb} ${apiGroups} ${resources}`),
  )
  assert.deepEqual([...new Set(asked)].sort(), allowed.sort())
})

test('the ServiceAccount has the Role, and the pods have the ServiceAccount', () => {
  const { name } = manifestOf('ServiceAccount').metadata
  const { roleRef, subjects } = manifestOf('RoleBinding')
  assert.deepEqual([roleRef.kind, roleRef.name], ['Role', manifestOf('Role').metadata.name])
  assert.deepEqual(subjects, [{ kind: 'ServiceAccount', name }])
  assert.equal(pod.serviceAccountName, name)
})

test('probes ask the admin API, and the Service leads to the listener', () => {
  const portOf = (name: string) => container.ports.find((port: Manifest) => port.name === name).containerPort
  const { admin, listeners } = config
  assert.equal(admin !== undefined && admin !== 'off' && 'port' in admin && admin.port, portOf('admin'))
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
    assert.equal(container[probe].httpGet.port, 'admin')
  assert.equal(container.readinessProbe.httpGet.path, '/readyz')
  const [{ targetPort }] = manifestOf('Service').spec.ports
  assert.equal(portOf(targetPort), (listeners[0] as { port: number }).port)
  assert.deepEqual(manifestOf('Service').spec.selector, manifestOf('Deployment').spec.template.metadata.labels)
})

test('the pod may take longer to end than Limpet does', () => {
  const seconds = Number(container.lifecycle.preStop.exec.command[1])
  assert.ok(pod.terminationGracePeriodSeconds > seconds + config.timeouts.stop / 1000)
})

test('what the configuration reads is mounted, and where the image looks', () => {
  const mounts: string[] = container.volumeMounts.map((mount: Manifest) => mount.mountPath)
  const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8')
  const [, state] = /STATE_DIRECTORY=(\S+)/.exec(dockerfile)!
  assert.ok(mounts.includes('/etc/limpet/limpet.yaml'))
  assert.ok(mounts.includes('/etc/limpet/secrets'))
  assert.ok(mounts.includes(state!))
  assert.match(configuration, /file: \/etc\/limpet\/secrets\/admin-token/)
})
