/** The manifests against the Kubernetes schemas: wrong types, missing fields, and fields that Kubernetes does not know. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { readProject } from '../../../src/config/project.ts'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly [key: string]: unknown
}

const manifests = parseAllDocuments(readFileSync('k8s/linked-events.yaml', 'utf8')).map((document) => document.toJS() as Manifest)

test.each(manifests.map((manifest) => [manifest.kind, manifest] as const))('%s is what Kubernetes takes', async (_kind, manifest) => {
  expect(await problemsOf(manifest)).toEqual([])
})

test('the check sees a misspelt field, a wrong type and a missing field', async () => {
  const deployment = structuredClone(manifests.find(({ kind }) => kind === 'Deployment')!) as unknown as {
    spec: { replicas: unknown; selector?: unknown; template: { spec: { containers: Record<string, unknown>[] } } }
  }
  deployment.spec.template.spec.containers[0]!['imagePullPolcy'] = 'Always'
  expect(await problemsOf(deployment as unknown as Manifest)).toEqual(['/spec/template/spec/containers/0/imagePullPolcy: unknown field'])
  deployment.spec.replicas = 'two'
  delete deployment.spec.selector
  expect((await problemsOf(deployment as unknown as Manifest)).length).toBeGreaterThan(1)
})

test('the pod runs without privileges and may write only where it must', () => {
  const deployment = JSON.stringify(manifests.find(({ kind }) => kind === 'Deployment'))
  for (const part of ['"runAsNonRoot":true', '"readOnlyRootFilesystem":true', '"drop":["ALL"]', '"allowPrivilegeEscalation":false', '"type":"RuntimeDefault"']) {
    expect(deployment).toContain(part)
  }
})

test('the configuration in the ConfigMap is valid', () => {
  const { data } = manifests.find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> }
  const dir = mkdtempSync(join(tmpdir(), 'manifests-'))
  writeFileSync(join(dir, 'warehouse-url'), 'postgres://reader:secret@db/warehouse')
  for (const [name, text] of Object.entries(data)) writeFileSync(join(dir, name), text.replaceAll('/run/secrets/linked-events', dir))
  const { project, problems } = readProject({ file: join(dir, 'linked-events.yaml'), env: {}, cwd: dir })
  expect(problems).toEqual([])
  expect(project?.config.http.host).toBe('0.0.0.0')
})

/** Schema errors, and fields that the schema's validator never looks at. */
async function problemsOf(manifest: Manifest): Promise<string[]> {
  const { apiVersion, kind } = manifest
  const models = (await import(`kubernetes-models/${apiVersion}`)) as Record<string, new (data: object) => { validate(): void }>
  const Model = models[kind]
  if (Model === undefined) return [`no schema for ${apiVersion} ${kind}`]
  const seen = new Map<string, Set<string>>()
  const model = new Model(watched(manifest, '', seen) as object)
  try {
    model.validate()
  } catch (error) {
    return String((error as Error).message).split('\n')
  }
  return unseen(manifest, '', seen)
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
    seen.get(path)?.has(key) === true || path === '' ? unseen(member, `${path}/${key}`, seen) : [`${path}/${key}: unknown field`],
  )
}

