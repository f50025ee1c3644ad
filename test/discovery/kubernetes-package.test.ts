/** A Limpet without the package that only kubeconfigs need. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { KubernetesSource } from '../../src/config/sources/kubernetes.ts'
import { kubernetesProvider } from '../../src/discovery/kubernetes.ts'
import { Kubernetes } from '../support/kubernetes.ts'
import { Watched } from '../support/watched.ts'

registerHooks({
  resolve(specifier, context, next) {
    return next(specifier === '@kubernetes/client-node' ? '@kubernetes/not-installed' : specifier, context)
  },
})

test('says how to install it where a kubeconfig is named', async (t) => {
  const source = KubernetesSource.parse({ from: 'kubernetes', service: 'web', kubeconfig: '/etc/kubeconfig' })
  await assert.rejects(
    new Watched(t, kubernetesProvider(source)).next(),
    /a kubeconfig needs the package @kubernetes\/client-node: npm install @kubernetes\/client-node/,
  )
})

test('does not need it in a cluster', async (t) => {
  const api = await Kubernetes.start(t)
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) }
  const surroundings = { env, serviceAccount: await api.serviceAccount(t) }
  const source = KubernetesSource.parse({ from: 'kubernetes', service: 'web' })
  assert.deepEqual((await new Watched(t, kubernetesProvider(source, surroundings)).next()).servers, [])
})

test('npm installs it for nobody who does not ask for it', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.equal(manifest.peerDependenciesMeta['@kubernetes/client-node'].optional, true)
  assert.equal(manifest.dependencies?.['@kubernetes/client-node'], undefined)
  assert.equal(manifest.optionalDependencies['@kubernetes/client-node'], undefined)
})
