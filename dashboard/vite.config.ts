import { defineConfig } from 'vite'

/** Where `npm run dashboard:dev` finds a running Limpet: `admin: on` in its configuration. */
const admin = process.env.LIMPET_ADMIN ?? 'http://127.0.0.1:9000'

export default defineConfig({
  root: import.meta.dirname,
  // Relative, so that it also works behind a path of a proxy.
  base: './',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Assets as data: URLs would need img-src data: in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // The admin API compares Origin with Host.
    proxy: { '/v1': { target: admin, changeOrigin: false }, '/sign-in': { target: admin, changeOrigin: false } },
  },
})
