CREATE TABLE "audit_entry" (
    "cluster_id" TEXT NOT NULL,
    "log_index" BIGINT NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor_name" TEXT NOT NULL,
    "actor_from" TEXT NOT NULL,
    "actor_via" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target_kind" TEXT NOT NULL,
    "target_id" TEXT,
    "target_name" TEXT,
    "outcome" TEXT NOT NULL,
    "detail" TEXT,
    "request_id" TEXT NOT NULL,
    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("cluster_id", "log_index", "seq")
);
CREATE INDEX "audit_entry_cluster_id_at_idx" ON "audit_entry" ("cluster_id", "at" DESC);
CREATE INDEX "audit_entry_cluster_id_action_idx" ON "audit_entry" ("cluster_id", "action");
CREATE INDEX "audit_entry_cluster_id_actor_name_idx" ON "audit_entry" ("cluster_id", "actor_name");

CREATE TABLE "cluster_event" (
    "cluster_id" TEXT NOT NULL,
    "log_index" BIGINT NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "action" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "target_kind" TEXT NOT NULL,
    "target_id" TEXT,
    "target_name" TEXT,
    "message" TEXT NOT NULL,
    "attributes" JSONB,
    CONSTRAINT "cluster_event_pkey" PRIMARY KEY ("cluster_id", "log_index", "seq")
);
CREATE INDEX "cluster_event_cluster_id_at_idx" ON "cluster_event" ("cluster_id", "at" DESC);
CREATE INDEX "cluster_event_cluster_id_action_idx" ON "cluster_event" ("cluster_id", "action");

CREATE TABLE "service_revision" (
    "cluster_id" TEXT NOT NULL,
    "service_id" TEXT NOT NULL,
    "revision" BIGINT NOT NULL,
    "service_name" TEXT NOT NULL,
    "log_index" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor_name" TEXT NOT NULL,
    "actor_from" TEXT NOT NULL,
    "actor_via" TEXT NOT NULL,
    "spec" JSONB NOT NULL,
    "message" TEXT,
    CONSTRAINT "service_revision_pkey" PRIMARY KEY ("cluster_id", "service_id", "revision")
);
CREATE INDEX "service_revision_cluster_id_service_name_idx" ON "service_revision" ("cluster_id", "service_name");

CREATE TABLE "stack_revision" (
    "cluster_id" TEXT NOT NULL,
    "stack_id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "stack_name" TEXT NOT NULL,
    "log_index" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "deployed_by" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "variables" JSONB,
    "message" TEXT,
    CONSTRAINT "stack_revision_pkey" PRIMARY KEY ("cluster_id", "stack_id", "revision")
);
CREATE INDEX "stack_revision_cluster_id_stack_name_idx" ON "stack_revision" ("cluster_id", "stack_name");

CREATE TABLE "projection_cursor" (
    "cluster_id" TEXT NOT NULL,
    "log_index" BIGINT NOT NULL,
    "seq" INTEGER NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "projection_cursor_pkey" PRIMARY KEY ("cluster_id")
);
