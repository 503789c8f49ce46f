-- The health of lasting kinds: BackupConfiguration, BackupStorage, Repository.
-- Healthy means that backups run as defined in Git; the message says what is missing.

local function first(conditions)
  for _, condition in ipairs(conditions or {}) do
    if condition.status ~= "True" and condition.message ~= nil then
      return condition.message
    end
  end
end

-- The first reason in the status why the object is not Ready.
local function why(status)
  local found = first(status.conditions)
  for _, session in ipairs(status.sessions or {}) do
    found = found or first(session.conditions)
  end
  for _, backend in ipairs(status.backends or {}) do
    found = found or (backend.storage or {}).reason or (backend.retentionPolicy or {}).reason
  end
  for _, repository in ipairs(status.repositories or {}) do
    found = found or repository.reason
  end
  if found == nil and status.targetFound == false then
    found = "the target does not exist"
  end
  return found
end

local function described(status)
  local found = why(status)
  return found == nil and status.phase or status.phase .. ": " .. found
end

local status = obj.status
if status == nil or status.phase == nil then
  return {status = "Progressing", message = "the controller has not reconciled it yet"}
end
for _, condition in ipairs(status.conditions or {}) do
  -- A condition about an older generation does not apply to this one.
  local seen = condition.observedGeneration
  if seen ~= nil and seen ~= obj.metadata.generation then
    return {status = "Progressing", message = "the controller has not reconciled the change yet"}
  end
end
-- Only a change of the manifest fixes these (the controller's runtime/causes.py, REFUSALS).
local refusals = {
  GrantMissing = true, InvalidField = true, NotCompiled = true, UnsupportedAddon = true,
  UnsupportedField = true,
}
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "False" and refusals[condition.reason] then
    return {status = "Degraded", message = described(status)}
  end
end
if status.phase == "Invalid" then
  return {status = "Degraded", message = described(status)}
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "RestoreExpected" and condition.status == "True" then
    return {status = "Degraded", message = "RestoreExpected: " .. condition.message}
  end
end
if obj.spec.paused == true then
  -- Argo CD ranks Suspended below Healthy, but a pause in Git is the desired state.
  return {status = "Healthy", message = "Paused"}
end
if status.phase == "Ready" then
  return {status = "Healthy", message = "Ready"}
end
if status.phase == "NotReady" then
  return {status = "Progressing", message = described(status)}
end
return {status = "Unknown", message = status.phase}
