/** The manifests against the Kubernetes schemas: wrong types, missing fields, and fields that Kubernetes does not know. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { readProject } from '../../../src/config/project.ts'

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly [key: string]: unknown
}

const manifests = parseAllDocuments(readFileSync('k8s/linked-events.yaml', 'utf8')).map(
  (document) => document.toJS() as Manifest,
)

test.each(manifests.map((manifest) => [manifest.kind, manifest] as const))(
  '%s is what Kubernetes takes',
  async (_kind, manifest) => {
    expect(await problemsOf(manifest)).toEqual([])
  },
)

test('the check sees a misspelt field, a wrong type and a missing field', async () => {
  const deployment = structuredClone(manifests.find(({ kind }) => kind === 'Deployment')!) as unknown as {
    spec: { replicas: unknown; selector?: unknown; template: { spec: { containers: Record<string, unknown>[] } } }
  }
  deployment.spec.template.spec.containers[0]!.imagePullPolcy = 'Always'
  expect(await problemsOf(deployment as unknown as Manifest)).toEqual([
    '/spec/template/spec/containers/0/imagePullPolcy: unknown field',
  ])
  deployment.spec.replicas = 'two'
  delete deployment.spec.selector
  expect((await problemsOf(deployment as unknown as Manifest)).length).toBeGreaterThan(1)
})

test('the pod runs without privileges and may write only where it must', () => {
  const deployment = JSON.stringify(manifests.find(({ kind }) => kind === 'Deployment'))
  for (const part of [
    '"runAsNonRoot":true',
    '"readOnlyRootFilesystem":true',
    '"drop":["ALL"]',
    '"allowPrivilegeEscalation":false',
    '"type":"RuntimeDefault"',
  ]) {
    expect(deployment).toContain(part)
  }
})

test('the configuration in the ConfigMap is valid', () => {
  const { data } = manifests.find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> }
  const dir = mkdtempSync(join(tmpdir(), 'manifests-'))
  writeFileSync(join(dir, 'warehouse-url'), 'postgres://reader:secret@db/warehouse')
  for (const [name, text] of Object.entries(data))
    writeFileSync(join(dir, name), text.replaceAll('/run/secrets/linked-events', dir))
  const { project, problems } = readProject({
    file: join(dir, 'linked-events.yaml'),
    env: { POD_IP: '127.0.0.2' },
    cwd: dir,
  })
  expect(problems).toEqual([])
  expect(project?.config.http.host).toBe('127.0.0.2')
})

/** Schema errors, and fields that the schema's validator never looks at. */
async function problemsOf(manifest: Manifest): Promise<string[]> {
  const { apiVersion, kind } = manifest
  const models = (await import(/* @vite-ignore */ `kubernetes-models/${apiVersion}`)) as Record<string, unknown>
  const schema = Object.keys(models).find((name) => name.startsWith('IoK8s') && models[name] === models[kind])
  if (schema === undefined) return [`no schema for ${apiVersion} ${kind}`]
  const file = join(dirname(createRequire(import.meta.url).resolve('kubernetes-models')), '_schemas', `${schema}.js`)
  const { validate } = createRequire(import.meta.url)(file) as { validate: Validate }
  const seen = new Map<string, Set<string>>()
  if (!validate(watched(manifest, '', seen)))
    return (validate.errors ?? []).map(({ instancePath, message, keyword }) => `${instancePath}: ${message ?? keyword}`)
  return unseen(manifest, '', seen)
}

type Validate = ((data: unknown) => boolean) & {
  readonly errors?:
    | readonly { readonly instancePath: string; readonly message?: string; readonly keyword: string }[]
    | null
}

/** The value, noting for each object which of its fields are read; listing the keys counts as reading all of them. */
function watched(value: unknown, path: string, seen: Map<string, Set<string>>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const fields = seen.get(path) ?? new Set<string>()
  seen.set(path, fields)
  return new Proxy(value, {
    get(target, key) {
      const child = Reflect.get(target, key) as unknown
      if (typeof key === 'symbol') return child
      fields.add(key)
      return watched(child, `${path}/${key}`, seen)
    },
    ownKeys(target) {
      if (path !== '') for (const key of Object.keys(target)) fields.add(key)
      return Reflect.ownKeys(target)
    },
  })
}

function unseen(value: unknown, path: string, seen: Map<string, Set<string>>): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) =>
    seen.get(path)?.has(key) === true || path === ''
      ? unseen(member, `${path}/${key}`, seen)
      : [`${path}/${key}: unknown field`],
  )
}
