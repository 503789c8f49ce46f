-- The health of kinds that run once: BackupSession, RestoreSession, RestoreRequest, Snapshot.
-- A failed one is Healthy, with a message: another sync cannot fix it, and it must not block other
-- changes. Alerts report it (controller/deploy/alerts). Only an object that never started because its
-- manifest is invalid is Degraded.

local function why(status)
  if status.error ~= nil then
    return status.error
  end
  for _, condition in ipairs(status.conditions or {}) do
    local tells = condition.status ~= "True"
      or condition.type == "BackupSkipped" or condition.type == "BackupIncomplete"
      or condition.type == "RestoreIncomplete"
    if tells and condition.message ~= nil then
      return condition.message
    end
  end
  for _, component in pairs(status.components or {}) do
    if component.error ~= nil then
      return component.error
    end
  end
  for _, snapshot in ipairs(status.snapshots or {}) do
    if snapshot.phase == "Failed" then
      return "Snapshot " .. snapshot.name .. " failed"
    end
  end
end

-- What something that succeeded lacks all the same.
local function lacks(status)
  for _, condition in ipairs(status.conditions or {}) do
    local tells = condition.type == "AllFilesRead" or condition.type == "MetadataRestored"
    if tells and condition.status == "False" then
      return condition.message
    end
  end
end

local status = obj.status
if status == nil or status.phase == nil then
  return {status = "Progressing", message = "the controller has not reconciled it yet"}
end
if status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "the controller has not reconciled the change yet"}
end
local healths = {
  Pending = "Progressing", Running = "Progressing", Succeeded = "Healthy", Skipped = "Healthy",
  Failed = "Healthy", Expired = "Healthy", Unknown = "Healthy", Invalid = "Degraded",
}
local message = status.phase
local found = why(status)
if status.phase == "Succeeded" then
  found = lacks(status)
end
if status.phase == "Expired" then
  message = found
elseif found ~= nil then
  message = status.phase .. ": " .. found
end
return {status = healths[status.phase] or "Unknown", message = message}
